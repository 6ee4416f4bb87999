/** Publishes messages for tenants that take them. */
import { AppError } from '../core/errors.ts'
import type { MessageId, TenantId } from '../core/ids.ts'
import type { OutboundMessage } from '../core/message.ts'
import type { Broker } from '../core/ports/broker.ts'
import type { MessageDraft } from '../core/ports/engine-api.ts'
import type { EngineMetrics, PublishedAs } from '../core/ports/metrics.ts'
import type { DesiredTenant } from '../core/tenant.ts'
import type { DesiredCache } from './desired-cache.ts'
import { createMessageIds } from './message-ids.ts'

export interface Publishing {
  publish(tenantId: TenantId, draft: MessageDraft): Promise<MessageId>
  publishBatch(tenantId: TenantId, drafts: readonly MessageDraft[]): Promise<readonly MessageId[]>
  /** For a handler: work in hand may publish to the end, also while the node or the tenant drains. */
  publishFromHandler(tenantId: TenantId, draft: MessageDraft): Promise<MessageId>
  /** From now on every publish is refused: the node stops. */
  stop(): void
}

export function createPublishing(broker: Broker, desired: DesiredCache, metrics: Pick<EngineMetrics, 'published'>): Publishing {
  const nextId = createMessageIds()
  let stopped = false

  const toMessage = (tenantId: TenantId, draft: MessageDraft): OutboundMessage => {
    const createdAtMs = Date.now()
    return {
      tenantId,
      id: draft.id ?? nextId(createdAtMs),
      type: draft.type,
      priority: draft.priority ?? 0,
      key: draft.key ?? null,
      createdAtMs,
      attempt: 1,
      body: JSON.stringify(draft.data),
    }
  }

  const admit = (tenantId: TenantId, tenant: DesiredTenant | undefined): void => {
    if (!tenant) throw new AppError('tenant.missing', `there is no tenant ${tenantId}`, { scope: 'tenant' })
    if (tenant.status === 'deleting') throw new AppError('tenant.deleting', `tenant ${tenantId} is being deleted`, { scope: 'tenant' })
    if (tenant.status === 'drained') {
      throw new AppError('tenant.draining', `tenant ${tenantId} was drained and takes no messages; resume it first`, { scope: 'tenant' })
    }
  }

  // The tenant is gone, and this node had not heard of it; or somebody took its queue away, and its actor makes it again.
  const explainMissingQueue = async (tenantId: TenantId, cause: AppError): Promise<AppError> => {
    desired.remove(tenantId)
    try {
      admit(tenantId, await desired.find(tenantId))
    } catch (error) {
      if (error instanceof AppError) return error
    }
    return new AppError('broker.unavailable', 'the tenant’s queue is missing; its actor makes it again', {
      retryable: true,
      scope: 'tenant',
      cause,
    })
  }

  const send = async (tenantId: TenantId, ids: readonly MessageId[], publishing: () => Promise<void>): Promise<void> => {
    const count = ids.length
    try {
      await publishing()
      metrics.published('confirmed', count)
    } catch (error) {
      metrics.published(toOutcome(error), count)
      if (!(error instanceof AppError)) throw error
      if (error.code === 'queue.missing') throw await explainMissingQueue(tenantId, error)
      if (error.code === 'broker.unknown_outcome') throw withIds(error, ids)
      throw error
    }
  }

  const admitClient = async (tenantId: TenantId): Promise<void> => {
    if (stopped) throw new AppError('node.draining', 'this node is shutting down', { retryable: true })
    const found = desired.find(tenantId)
    admit(tenantId, found instanceof Promise ? await found : found)
  }

  return {
    async publishFromHandler(tenantId, draft) {
      const message = toMessage(tenantId, draft)
      await send(tenantId, [message.id], () => broker.publish(message))
      return message.id
    },
    async publish(tenantId, draft) {
      await admitClient(tenantId)
      const message = toMessage(tenantId, draft)
      await send(tenantId, [message.id], () => broker.publish(message))
      return message.id
    },
    async publishBatch(tenantId, drafts) {
      if (drafts.length === 0) return []
      await admitClient(tenantId)
      const messages = drafts.map((draft) => toMessage(tenantId, draft))
      await send(
        tenantId,
        messages.map(({ id }) => id),
        () => broker.publishBatch(messages),
      )
      return messages.map(({ id }) => id)
    },
    stop() {
      stopped = true
    },
  }
}

// Who repeats with these ids makes no second message, whether the first was accepted or not.
const withIds = ({ code, message, retryable, scope, cause }: AppError, ids: readonly MessageId[]): AppError =>
  new AppError(code, message, { retryable, scope, cause, details: { ids } })

function toOutcome(error: unknown): PublishedAs {
  if (!(error instanceof AppError)) return 'unknown'
  switch (error.code) {
    case 'queue.missing':
    case 'broker.refused':
      return 'refused'
    case 'broker.unknown_outcome':
      return 'unknown'
    default:
      return 'unavailable'
  }
}
