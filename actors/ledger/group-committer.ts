/**
 * Writes the settled deliveries of all tenants together, many in one statement, and has them acknowledged afterwards.
 *
 * A batch goes when it is full, when nothing else is being written, or after the linger time; at most `maxInFlight` at
 * once. Tenants take turns, so a flood cannot keep another tenant's single row waiting. Rows that the database refuses
 * are found by bisection and recorded as failed without their data. When the database is away everything is kept until
 * resume().
 */
import { AppError, errorText } from '../../src/core/errors.ts'
import { type Settlement, toErrorText, toStorable } from '../../src/core/failure.ts'
import type { Delivery } from '../../src/core/message.ts'
import type { MessageRecord, MessageStore } from '../../src/core/ports/message-store.ts'
import type { EngineMetrics } from '../../src/core/ports/metrics.ts'
import type { Tracing } from '../../src/core/ports/tracing.ts'
import { toAttemptRecord } from '../../src/core/settlement.ts'
import type { Session } from '../tenant/session.ts'
import { createTurns, type Numbered } from './turns.ts'

export interface LedgerEntry extends Numbered {
  readonly session: Session
  readonly delivery: Delivery
  readonly settlement: Settlement
  /** What the message carries to its next attempt, for those who trace it. */
  readonly trace?: string | undefined
  /** True when the database refuses the data: the row is written without it. */
  readonly poisoned?: boolean
  /** Called when the outcome is recorded, or will not be. */
  readonly onSettled?: (() => void) | undefined
}

export interface GroupCommitter {
  /** Takes the outcome over; the delivery is acknowledged after its commit. Never throws. */
  record(entry: LedgerEntry): void
  /** The database is away, as somebody else has found: keep everything until resume(). */
  stall(error: unknown): void
  /** The database answers again. */
  resume(): void
  /** Resolves when nothing waits and nothing is being written; never while stalled. */
  flushed(): Promise<void>
  readonly waiting: number
  readonly stalled: boolean
}

export interface GroupCommitterOptions {
  readonly store: Pick<MessageStore, 'record'>
  readonly batchSize: number
  readonly lingerMs: number
  readonly maxInFlight: number
  readonly metrics: Pick<EngineMetrics, 'settled' | 'ledgerCommitted'>
  readonly tracing?: Pick<Tracing, 'settle'> | undefined
  /** Something is due at `dueAtMs` that was not before: a retry, or room for one of the same tenant. Must not throw. */
  readonly onDue: (dueAtMs: number) => void
  /** Called once when the database goes away; flushing stops until resume(). */
  readonly onStalled: (error: AppError) => void
  readonly onTrouble: (text: string, details: Readonly<Record<string, unknown>>) => void
}

/** One statement carries about this much text at most: a few large messages must not make one that cannot be built or sent. */
const maxBatchChars = 8 * 1024 * 1024

const sizeOf = (batch: readonly LedgerEntry[]): number => batch.reduce((sum, { delivery }) => sum + delivery.text().length, 0)

export function createGroupCommitter(options: GroupCommitterOptions): GroupCommitter {
  const { store, batchSize, maxInFlight, metrics, tracing } = options
  const turns = createTurns<Session, LedgerEntry>((entry) => entry.session)
  let inFlight = 0
  let stalled = false
  let scheduled = false
  let lingerTimer: NodeJS.Timeout | undefined
  let flushedCallbacks: (() => void)[] = []

  const record = (entry: LedgerEntry): void => {
    turns.add(entry)
    schedule()
  }

  const schedule = (): void => {
    if (stalled || turns.size === 0) return
    while (turns.size >= batchSize && inFlight < maxInFlight) flush()
    if (turns.size === 0) return
    if (inFlight === 0) {
      if (scheduled) return
      scheduled = true
      setImmediate(flushIdle)
    } else lingerTimer ??= setTimeout(flushLingering, options.lingerMs)
  }
  const flushIdle = (): void => {
    scheduled = false
    if (inFlight === 0) flush()
    else schedule()
  }
  const flushLingering = (): void => {
    lingerTimer = undefined
    if (inFlight < maxInFlight) flush()
  }

  const flush = (): void => {
    if (stalled || turns.size === 0) return
    const batch = turns.take(batchSize)
    inFlight++
    void write(batch).finally(() => {
      inFlight--
      schedule()
      if (inFlight === 0 && turns.size === 0) {
        const callbacks = flushedCallbacks
        flushedCallbacks = []
        for (const callback of callbacks) callback()
      }
    })
  }

  // Never rejects.
  const write = async (batch: readonly LedgerEntry[]): Promise<void> => {
    if (batch.length > 1 && sizeOf(batch) > maxBatchChars) return writeHalves(batch)
    const startedAt = performance.now()
    const span = tracing?.settle(batch.map(({ trace }) => trace))
    try {
      await store.record(batch.map(toRecord))
    } catch (thrown) {
      span?.end(thrown)
      await writeRefused(batch, thrown)
      return
    }
    span?.end()
    metrics.ledgerCommitted(batch.length, (performance.now() - startedAt) / 1000)
    settle(batch)
  }

  const writeRefused = async (batch: readonly LedgerEntry[], thrown: unknown): Promise<void> => {
    const code = thrown instanceof AppError ? thrown.code : 'database.unavailable'
    if (code !== 'database.refused_row' && code !== 'partition.missing') {
      turns.putBack(batch)
      stall(thrown)
      return
    }
    const [first] = batch
    if (batch.length === 1 && first) {
      if (code === 'partition.missing') abandon(first)
      else await writePoison(first, thrown)
      return
    }
    await writeHalves(batch)
  }

  const writeHalves = async (batch: readonly LedgerEntry[]): Promise<void> => {
    const middle = batch.length >> 1
    await write(batch.slice(0, middle))
    if (stalled) turns.putBack(batch.slice(middle))
    else await write(batch.slice(middle))
  }

  const writePoison = async (entry: LedgerEntry, thrown: unknown): Promise<void> => {
    if (!entry.poisoned) {
      // What has failed already keeps its own reason.
      const settlement = entry.settlement.kind === 'failed' ? entry.settlement : toRefused(entry, thrown)
      await write([{ ...entry, settlement, poisoned: true }])
      return
    }
    // Not even without its data. It stays unacknowledged, so that it is not lost, and holds one place of its tenant's prefetch.
    options.onTrouble('a message cannot be recorded; it stays in its queue', {
      tenant_id: entry.delivery.tenantId,
      message_id: entry.delivery.id,
      reason: errorText(thrown),
    })
    metrics.settled('failed')
    entry.onSettled?.()
  }

  const abandon = (entry: LedgerEntry): void => {
    entry.onSettled?.()
    entry.session.giveBack(entry.delivery)
    entry.session.onPartitionMissing()
  }

  const stall = (thrown: unknown): void => {
    if (stalled) return
    stalled = true
    clearTimeout(lingerTimer)
    lingerTimer = undefined
    options.onStalled(
      thrown instanceof AppError
        ? thrown
        : new AppError('database.unavailable', errorText(thrown), { retryable: true, scope: 'process', cause: thrown }),
    )
  }

  const settle = (batch: readonly LedgerEntry[]): void => {
    const nowMs = Date.now()
    const counts = { processed: 0, retrying: 0, failed: 0 }
    let dueAtMs = Number.POSITIVE_INFINITY
    for (const { session, delivery, settlement, onSettled } of batch) {
      onSettled?.()
      session.committed(delivery, nowMs)
      counts[settlement.kind]++
      if (settlement.kind === 'retrying') dueAtMs = Math.min(dueAtMs, settlement.dueAtMs)
      if (delivery.attempt > 1) dueAtMs = Math.min(dueAtMs, nowMs)
    }
    if (counts.processed > 0) metrics.settled('processed', counts.processed)
    if (counts.retrying > 0) metrics.settled('retrying', counts.retrying)
    if (counts.failed > 0) metrics.settled('failed', counts.failed)
    if (dueAtMs !== Number.POSITIVE_INFINITY) options.onDue(dueAtMs)
  }

  return {
    record,
    stall,
    resume() {
      if (!stalled) return
      stalled = false
      schedule()
    },
    flushed() {
      if (inFlight === 0 && turns.size === 0) return Promise.resolve()
      return new Promise((resolve) => flushedCallbacks.push(resolve))
    },
    get waiting() {
      return turns.size
    },
    get stalled() {
      return stalled
    },
  }
}

function toRecord({ delivery, settlement, poisoned, trace }: LedgerEntry): MessageRecord {
  return {
    tenantId: delivery.tenantId,
    id: delivery.id,
    type: poisoned ? toStorable(delivery.type) : delivery.type,
    data: poisoned ? null : delivery.text(),
    priority: delivery.priority,
    key: poisoned && delivery.key !== null ? toStorable(delivery.key) : delivery.key,
    attempt: delivery.attempt,
    createdAtMs: delivery.createdAtMs,
    settlement,
    trace,
    body: () => delivery.text(),
  }
}

function toRefused({ delivery, settlement }: LedgerEntry, thrown: unknown): Settlement {
  const failure = { errorClass: 'RefusedByDatabase', error: toErrorText(errorText(thrown)) }
  const record = toAttemptRecord({ delivery, startedAtMs: Date.now(), durationMs: 0 }, failure)
  const earlier = settlement.kind === 'processed' ? [] : settlement.history
  return { kind: 'failed', failure, reason: 'its data cannot be stored', history: [...earlier, record] }
}
