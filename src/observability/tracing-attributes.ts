/**
 * The names under which spans say what they are about. Those of messaging are not stable yet, so they are written down here
 * rather than taken from a package that may rename them in any release.
 *
 * Source: OpenTelemetry semantic conventions 1.45, messaging spans.
 */
import { type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions'
import { AppError } from '../core/errors.ts'
import { type TenantId, tenantQueueName } from '../core/ids.ts'

export const names = {
  batchCount: 'messaging.batch.message_count',
  messageId: 'messaging.message.id',
  tenantId: 'tenantry.tenant.id',
  messageType: 'tenantry.message.type',
  attempt: 'tenantry.message.attempt',
  redelivered: 'tenantry.message.redelivered',
  outcome: 'tenantry.outcome',
  replayed: 'tenantry.replayed',
} as const

/** Of all tenants' queues: names of spans have it in the place of the queue, so that there are few. */
const template = 'tenant_{id}_queue'

export type Operation = 'send' | 'process' | 'settle'

export const toSpanName = (operation: Operation): string => `${operation} ${template}`

/** What every span of an operation says. `messaging.system` is what many backends still look for. */
export const toCommon = (system: string, operation: Operation): Attributes => ({
  'messaging.system.name': system,
  'messaging.system': system,
  'messaging.operation.name': operation,
  'messaging.operation.type': operation,
  'messaging.destination.template': template,
})

export const ofTenant = (tenantId: TenantId): Attributes => ({
  'messaging.destination.name': tenantQueueName(tenantId),
  [names.tenantId]: tenantId,
})

/** The class alone: an error's text may quote what a message says. */
export function markFailed(span: Span, errorClass: string): void {
  span.setAttribute(ATTR_ERROR_TYPE, errorClass)
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorClass })
}

export function toErrorClass(error: unknown): string {
  if (error instanceof AppError) return error.code
  return error instanceof Error ? error.name : '_OTHER'
}
