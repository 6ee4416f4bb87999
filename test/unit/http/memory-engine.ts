/** An EngineApi that keeps its tenants and messages in memory: what the HTTP layer needs to be tested alone. */
import { v7 as uuidv7 } from 'uuid'
import { AppError } from '../../../src/core/errors.ts'
import type { FailedMessage } from '../../../src/core/failure.ts'
import { type MessageId, type TenantId, tenantQueueName } from '../../../src/core/ids.ts'
import type { EngineApi, MessageDraft, TenantView } from '../../../src/core/ports/engine-api.ts'
import type { StoredMessage } from '../../../src/core/ports/message-store.ts'
import type { ScheduledMessage } from '../../../src/core/ports/schedule-store.ts'
import type { ErasureCertificate, TombstonePage } from '../../../src/core/ports/tenant-store.ts'
import { createMemoryFailures } from './memory-failures.ts'
import { toMicros, toPage } from './memory-page.ts'

export interface MemoryEngine extends EngineApi {
  /** While set, every call rejects with it. */
  fault: Error | undefined
  ready: boolean
  readonly messages: StoredMessage[]
  readonly failed: FailedMessage[]
  /** Hears of each tenant that comes and goes. */
  readonly watchers: { readonly addTenant: (id: TenantId) => void; readonly removeTenant: (id: TenantId) => void }[]
}

export function createMemoryEngine(): MemoryEngine {
  const tenants = new Map<TenantId, TenantView>()
  const messages: StoredMessage[] = []
  const scheduled: ScheduledMessage[] = []
  const failed: FailedMessage[] = []
  const erased: TombstonePage['tombstones'][number][] = []
  const watchers: MemoryEngine['watchers'] = []
  const keys = new Map<string, { readonly digest: string; readonly ids: readonly MessageId[] }>()

  const must = (id: TenantId): TenantView => {
    if (engine.fault) throw engine.fault
    const tenant = tenants.get(id)
    if (!tenant) throw new AppError('tenant.missing', `${id} is not here`)
    return tenant
  }
  const store = (tenantId: TenantId, draft: MessageDraft): MessageId => {
    const id = draft.id ?? (uuidv7() as MessageId)
    const { type, data, priority = 0, key = null, scheduledAt } = draft
    if (scheduledAt) {
      scheduled.push({ id, tenantId, type, data, priority, key, scheduledAt, createdAt: new Date(1_700_000_000_000) })
      return id
    }
    const createdAt = new Date(1_700_000_000_000 + messages.length)
    messages.unshift({
      id,
      tenantId,
      type,
      data,
      priority,
      key,
      status: 'processed',
      attempts: 1,
      error: null,
      createdAt,
      processedAt: createdAt,
    })
    return id
  }
  const toNext = <Id extends string>(last: { readonly createdAt: Date; readonly id: Id } | undefined) =>
    last && { createdAtMicros: toMicros(last.createdAt), id: last.id }

  const engine: MemoryEngine = {
    fault: undefined,
    ready: true,
    messages,
    failed,
    watchers,
    async createTenant({ name, description = null, status = 'active', workers = 3, config = {}, messages: drafts = [] }) {
      if (engine.fault) throw engine.fault
      if ([...tenants.values()].some((tenant) => tenant.name === name)) throw new AppError('tenant.name_taken', 'taken')
      const id = uuidv7() as TenantId
      const createdAt = new Date(1_700_000_000_000 + tenants.size)
      const tenant: TenantView = {
        id,
        name,
        description,
        status,
        workers,
        config,
        version: 1,
        createdAt,
        updatedAt: createdAt,
        state: status === 'active' ? 'running' : 'paused',
        stateReason: null,
        currentWorkers: workers,
        queueName: tenantQueueName(id),
      }
      tenants.set(id, tenant)
      for (const { addTenant } of watchers) addTenant(id)
      return { tenant, messageIds: drafts.map((draft) => store(id, draft)) }
    },
    async listTenants({ limit, after, status, search }) {
      if (engine.fault) throw engine.fault
      const matching = [...tenants.values()]
        .filter((tenant) => (!status || tenant.status === status) && (!search || tenant.name.includes(search)))
        .reverse()
      const { page, last } = toPage(matching, limit, after)
      return { tenants: page, next: toNext(last) }
    },
    async findTenant(id) {
      if (engine.fault) throw engine.fault
      return tenants.get(id)
    },
    async changeTenant(id, change, expectedVersion) {
      const tenant = must(id)
      if (expectedVersion !== undefined && expectedVersion !== tenant.version) throw new AppError('tenant.version_mismatch', 'moved on')
      const { name, description, status, config } = { ...tenant, ...change }
      const changed = { ...tenant, name, description, status, config, version: tenant.version + 1 }
      tenants.set(id, changed)
      return changed
    },
    async resizeTenant(id, workers) {
      const tenant = must(id)
      tenants.set(id, { ...tenant, workers, currentWorkers: workers, version: tenant.version + 1 })
      return { workers, previousWorkers: tenant.workers, currentWorkers: workers }
    },
    async drainTenant(id) {
      const tenant: TenantView = { ...must(id), status: 'drained', state: 'draining' }
      tenants.set(id, tenant)
      return { tenant, remaining: { ready: 7, inFlight: 2 } }
    },
    async deleteTenant(id, mode, deadlineMs) {
      must(id)
      tenants.delete(id)
      for (const { removeTenant } of watchers) removeTenant(id)
      const certificate = certify(id)
      const counts = mode === 'drain' ? { drained: deadlineMs, discarded: 0 } : { drained: 0, discarded: 4 }
      erased.unshift({ tenantId: id, discarded: counts.discarded, deletedAt: certificate.completedAt, certificate })
      return { ...counts, certificate }
    },
    async listErasures({ limit, after }) {
      const { page, last } = toPage(
        erased.map((erasure) => ({ ...erasure, id: erasure.tenantId })),
        limit,
        after,
      )
      return { tombstones: page, next: last && { createdAtMicros: toMicros(last.deletedAt), id: last.id } }
    },
    findErasure: async (id) => erased.find(({ tenantId }) => tenantId === id),
    tenantConfig: (id) => tenants.get(id)?.config,
    async tenantStats(id) {
      const { workers, state } = must(id)
      return {
        queue: { ready: 1, unacked: undefined, dlq: 0 },
        inFlight: 2,
        ratePerSecond1m: 0.5,
        latencyMs: { p50: null, p99: null },
        workers: { desired: workers, current: workers, busy: 0 },
        state,
        circuits: [{ destination: 'example.com', state: 'open', until: new Date(1_700_000_060_000), reason: '5 of 5 failed' }],
      }
    },
    async publish(tenantId, drafts, key) {
      must(tenantId)
      const known = key && keys.get(`${tenantId} ${key.key}`)
      if (key && known && known.digest !== key.digest) throw new AppError('idempotency.mismatch', 'another body')
      if (known) return { ids: known.ids, replayed: true }
      const ids = drafts.map((draft) => store(tenantId, draft))
      if (key) keys.set(`${tenantId} ${key.key}`, { digest: key.digest, ids })
      return { ids, replayed: false }
    },
    async listMessages({ tenantId, limit, after, type, status, since, until }) {
      if (engine.fault) throw engine.fault
      const matching = messages.filter(
        (message) =>
          (!tenantId || message.tenantId === tenantId) &&
          (!type || message.type === type) &&
          (!status || message.status === status) &&
          (!since || message.createdAt >= since) &&
          (!until || message.createdAt < until),
      )
      const { page, last } = toPage(matching, limit, after)
      return { messages: page, next: toNext(last) }
    },
    async findMessage(tenantId, id) {
      return messages.find((message) => message.tenantId === tenantId && message.id === id)
    },
    async listScheduled({ tenantId, limit, after, type, since, until }) {
      if (engine.fault) throw engine.fault
      const matching = scheduled
        .filter(
          (message) =>
            message.tenantId === tenantId &&
            (!type || message.type === type) &&
            (!since || message.scheduledAt >= since) &&
            (!until || message.scheduledAt < until),
        )
        .toSorted((one, other) => one.scheduledAt.getTime() - other.scheduledAt.getTime())
      const { page, last } = toPage(matching, limit, after)
      return { messages: page, next: last && { scheduledAtMicros: toMicros(last.scheduledAt), id: last.id } }
    },
    async findScheduled(tenantId, id) {
      return scheduled.find((message) => message.tenantId === tenantId && message.id === id)
    },
    async cancelScheduled(tenantId, id) {
      must(tenantId)
      const index = scheduled.findIndex((message) => message.tenantId === tenantId && message.id === id)
      if (index >= 0) return void scheduled.splice(index, 1)
      const isKnown = messages.some((message) => message.tenantId === tenantId && message.id === id)
      throw new AppError(isKnown ? 'message.not_cancellable' : 'message.missing', 'not scheduled')
    },
    ...createMemoryFailures(failed, must),
    async readiness() {
      const ok = { ok: engine.ready, detail: 'as told' }
      return { ready: engine.ready, checks: { database: ok, broker: ok, tenants: ok, node: ok } }
    },
  }
  return engine
}

const certify = (tenantId: TenantId): ErasureCertificate => ({
  tenantId,
  startedAt: new Date(1_700_000_000_000),
  completedAt: new Date(1_700_000_001_000),
  places: [{ name: 'users', kind: 'table', found: 2, left: 0 }],
})
