/** Calls a user's handler for one message: parse, validate, handle, outcome. Nothing escapes as an exception. */
import type { Delivery } from '../core/message.ts'
import { ack, isOutcome, type Outcome, retry } from '../core/outcome.ts'
import type { HandlerContext, HandlerDefinition, HandlerMessage, SchemaResult } from './define-handler.ts'
import { failedWith, invalidData, invalidOutcome } from './failed-run.ts'

/** What a handler is told about its message, with the data still as text. */
export type CalledMessage = Pick<Delivery, 'id' | 'tenantId' | 'type' | 'priority' | 'key' | 'createdAtMs' | 'text'>

export async function callHandler(definition: HandlerDefinition, message: CalledMessage, context: HandlerContext): Promise<Outcome> {
  try {
    const data = await readData(definition, message)
    if ('fault' in data) return invalidData(data.fault)
    return toOutcome(await definition.handle(toMessage(message, data.value), context))
  } catch (thrown) {
    return failedWith(thrown)
  }
}

// Only what an outcome says: a handler may have put more into it than can be sent to another thread.
function toOutcome(answer: unknown): Outcome {
  if (answer === undefined) return ack
  if (!isOutcome(answer)) return invalidOutcome
  if (answer.kind === 'ack') return ack
  const { reason, errorClass } = answer
  const outcome = answer.kind === 'retry' ? retry(reason, answer.afterMs) : { kind: answer.kind, reason }
  return typeof errorClass === 'string' ? { ...outcome, errorClass } : outcome
}

async function readData(definition: HandlerDefinition, message: CalledMessage): Promise<{ value: unknown } | { fault: string }> {
  let parsed: unknown
  try {
    parsed = JSON.parse(message.text())
  } catch {
    return { fault: 'the message data is not JSON' }
  }
  if (!definition.schema) return { value: parsed }
  const result: SchemaResult<unknown> = await definition.schema['~standard'].validate(parsed)
  if (!result.issues) return { value: result.value }
  const first = result.issues[0]
  const path = ['data', ...(first?.path ?? []).map(toPathSegment)].join('.')
  return { fault: `${path}: ${first?.message ?? 'invalid'}` }
}

const toPathSegment = (segment: unknown): string =>
  typeof segment === 'object' && segment !== null && 'key' in segment ? String(segment.key) : String(segment)

const toMessage = ({ id, tenantId, type, priority, key, createdAtMs }: CalledMessage, data: unknown): HandlerMessage => ({
  id,
  tenantId,
  type,
  data,
  priority,
  key,
  createdAt: new Date(createdAtMs),
})
