/** Publishes messages for tenants that take them. */
import { AppError, errorText } from '../core/errors.ts'
import type { MessageId, TenantId } from '../core/ids.ts'
import type { OutboundMessage } from '../core/message.ts'
import type { Broker } from '../core/ports/broker.ts'
import type { DueHints } from '../core/ports/due-hints.ts'
import type { IdempotencyKey, MessageDraft, Published } from '../core/ports/engine-api.ts'
import type { IdempotencyStore } from '../core/ports/idempotency-store.ts'
import type { EngineMetrics, PublishedAs } from '../core/ports/metrics.ts'
import type { ScheduleStore } from '../core/ports/schedule-store.ts'
import type { Tracing } from '../core/ports/tracing.ts'
import type { DesiredTenant } from '../core/tenant.ts'
import { readKeyKeepMs } from '../core/tenant-config.ts'
import type { DesiredCache } from './desired-cache.ts'
import { createMessageIds } from './message-ids.ts'
import { createPublishOnce } from './publish-once.ts'

export interface Publishing {
  publish(tenantId: TenantId, drafts: readonly MessageDraft[], key?: IdempotencyKey): Promise<Published>
  /** For a handler: work in hand may publish to the end, also while the node or the tenant drains. */
  publishFromHandler(tenantId: TenantId, draft: MessageDraft): Promise<MessageId>
  /** From now on every publish is refused: the node stops. */
  stop(): void
}

export interface PublishingServices {
  readonly broker: Broker
  readonly schedules: Pick<ScheduleStore, 'schedule'>
  readonly idempotency: IdempotencyStore
  readonly dueHints: Pick<DueHints, 'announce'>
  readonly desired: DesiredCache
  readonly metrics: Pick<EngineMetrics, 'published'>
  readonly tracing?: Pick<Tracing, 'send'> | undefined
  readonly idempotencyKeepMs: number
}

export function createPublishing(services: PublishingServices): Publishing {
  const { broker, schedules, dueHints, desired, metrics, tracing } = services
  const nextId = createMessageIds()
  const nextRepeatableId = createMessageIds()
  const once = createPublishOnce(services.idempotency)
  let stopped = false

  // What may be published again under its id is never taken for fresh: its id is a millisecond older than the message.
  const toMessage = (tenantId: TenantId, draft: MessageDraft, { isRepeatable, trace }: Made): OutboundMessage => {
    const createdAtMs = Date.now()
    return {
      tenantId,
      id: draft.id ?? (isRepeatable ? nextRepeatableId(createdAtMs - 1) : nextId(createdAtMs)),
      type: draft.type,
      priority: draft.priority ?? 0,
      key: draft.key ?? null,
      createdAtMs,
      readyAtMs: Math.max(createdAtMs, draft.scheduledAt?.getTime() ?? 0),
      attempt: 1,
      firstAttempt: 1,
      trace,
      body: JSON.stringify(draft.data),
    }
  }

  const admit = (tenantId: TenantId, tenant: DesiredTenant | undefined): DesiredTenant => {
    if (!tenant) throw new AppError('tenant.missing', `there is no tenant ${tenantId}`, { scope: 'tenant' })
    if (tenant.status === 'deleting') throw new AppError('tenant.deleting', `tenant ${tenantId} is being deleted`, { scope: 'tenant' })
    if (tenant.status === 'drained') {
      throw new AppError('tenant.draining', `tenant ${tenantId} was drained and takes no messages; resume it first`, { scope: 'tenant' })
    }
    return tenant
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

  const send = async (tenantId: TenantId, messages: readonly OutboundMessage[]): Promise<void> => {
    const [only] = messages
    if (!only) return
    const count = messages.length
    try {
      await (count === 1 ? broker.publish(only) : broker.publishBatch(messages))
      metrics.published('confirmed', count)
    } catch (error) {
      metrics.published(toOutcome(error), count)
      if (!(error instanceof AppError)) throw error
      if (error.code === 'queue.missing') throw await explainMissingQueue(tenantId, error)
      throw error
    }
  }

  const admitClient = async (tenantId: TenantId): Promise<DesiredTenant> => {
    if (stopped) throw new AppError('node.draining', 'this node is shutting down', { retryable: true })
    const found = desired.find(tenantId)
    return admit(tenantId, found instanceof Promise ? await found : found)
  }

  // The scheduled ones first: when they cannot be stored, nothing is.
  const sendAll = async (tenantId: TenantId, messages: readonly OutboundMessage[]): Promise<void> => {
    const later = messages.filter((message) => message.readyAtMs > message.createdAtMs)
    const now = later.length === 0 ? messages : messages.filter((message) => message.readyAtMs === message.createdAtMs)
    let isPartStored = false
    try {
      if (later.length > 0) {
        await schedules.schedule(later)
        isPartStored = true
        dueHints.announce(Math.min(...later.map((message) => message.readyAtMs)))
      }
      await send(tenantId, now)
    } catch (error) {
      if (!isPartStored && !isUnknown(error)) throw error
      throw toUnknownOutcome(
        error,
        messages.map(({ id }) => id),
      )
    }
  }

  return {
    async publishFromHandler(tenantId, draft) {
      const span = tracing?.send({ tenantId, count: 1, parent: draft.trace })
      const message = toMessage(tenantId, draft, { isRepeatable: false, trace: span?.trace })
      try {
        await sendAll(tenantId, [message])
        span?.end({ ids: [message.id] })
        return message.id
      } catch (error) {
        span?.end({ error })
        throw error
      }
    },
    async publish(tenantId, drafts, key) {
      if (drafts.length === 0) return { ids: [], replayed: false }
      const { config } = await admitClient(tenantId)
      const span = tracing?.send({ tenantId, count: drafts.length, parent: drafts[0]?.trace })
      const made = { isRepeatable: key !== undefined, trace: span?.trace }
      const messages = drafts.map((draft) => toMessage(tenantId, draft, made))
      const ids = messages.map(({ id }) => id)
      let published: Published = { ids, replayed: false }
      try {
        if (key === undefined) await sendAll(tenantId, messages)
        else {
          const keepMs = readKeyKeepMs(config, services.idempotencyKeepMs)
          published = await once(tenantId, { ...key, keepMs }, ids, (itsIds) => sendAll(tenantId, withItsIds(messages, itsIds)))
        }
      } catch (error) {
        span?.end({ error })
        throw error
      }
      span?.end(published)
      return span ? { ...published, traceId: span.traceId } : published
    },
    stop() {
      stopped = true
    },
  }
}

/** What the messages of one call have in common. */
interface Made {
  readonly isRepeatable: boolean
  readonly trace: string | undefined
}

/** The ids of an earlier request with the same key. */
function withItsIds(messages: readonly OutboundMessage[], ids: readonly MessageId[]): readonly OutboundMessage[] {
  return messages.map((message, index) => {
    const id = ids[index] ?? message.id
    return id === message.id ? message : { ...message, id }
  })
}

// Without the server's own answer the statement may have been carried out.
const isUnknown = (error: unknown): boolean =>
  error instanceof AppError &&
  (error.code === 'broker.unknown_outcome' || (error.code === 'database.unavailable' && error.details.sqlState === undefined))

// Who repeats with these ids makes no second message, whether the first was accepted or not.
const toUnknownOutcome = (error: unknown, ids: readonly MessageId[]): AppError =>
  new AppError('broker.unknown_outcome', errorText(error), { retryable: true, scope: 'message', cause: error, details: { ids } })

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
