/**
 * Writes the settled deliveries of all tenants together, many in one statement, and has them acknowledged afterwards.
 *
 * A batch goes when it is full, when nothing else is being written, or after the linger time; at most `maxInFlight` at
 * once. Tenants take turns, so a flood cannot keep another tenant's single row waiting. Rows that the database refuses
 * are found by bisection and recorded as failed without their data. When the database is away everything is kept until
 * resume().
 */
import { AppError, errorText } from '../../src/core/errors.ts'
import type { Delivery } from '../../src/core/message.ts'
import type { MessageRecord, MessageStore } from '../../src/core/ports/message-store.ts'
import type { EngineMetrics } from '../../src/core/ports/metrics.ts'
import type { Session } from '../tenant/session.ts'
import { createTurns, type Numbered } from './turns.ts'

export interface LedgerEntry extends Numbered {
  readonly session: Session
  readonly delivery: Delivery
  /** null when the message was processed; otherwise why it failed. */
  readonly failure: string | null
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
  /** Called once when the database goes away; flushing stops until resume(). */
  readonly onStalled: (error: AppError) => void
  readonly onTrouble: (text: string, details: Readonly<Record<string, unknown>>) => void
}

/** One statement carries about this much text at most: a few large messages must not make one that cannot be built or sent. */
const maxBatchChars = 8 * 1024 * 1024

const sizeOf = (batch: readonly LedgerEntry[]): number => batch.reduce((sum, { delivery }) => sum + delivery.text().length, 0)

export function createGroupCommitter(options: GroupCommitterOptions): GroupCommitter {
  const { store, batchSize, maxInFlight, metrics } = options
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
    try {
      await store.record(batch.map(toRecord))
    } catch (thrown) {
      await writeRefused(batch, thrown)
      return
    }
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
    const failure = toStorable(`the database refuses the message: ${errorText(thrown)}`)
    if (!entry.poisoned) {
      await write([{ ...entry, failure, poisoned: true }])
      return
    }
    // Not even without its data: the dead-letter queue is where it can still be seen.
    options.onTrouble('a message could not be recorded; it is only in its dead-letter queue', {
      tenant_id: entry.delivery.tenantId,
      message_id: entry.delivery.id,
      reason: failure,
    })
    metrics.settled('failed')
    entry.onSettled?.()
    entry.session.failed(entry.delivery, failure, Date.now())
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
    let failures = 0
    for (const { session, delivery, failure, onSettled } of batch) {
      onSettled?.()
      if (failure === null) session.committed(delivery, nowMs)
      else {
        failures++
        session.failed(delivery, failure, nowMs)
      }
    }
    if (batch.length > failures) metrics.settled('processed', batch.length - failures)
    if (failures > 0) metrics.settled('failed', failures)
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

function toRecord({ delivery, failure, poisoned }: LedgerEntry): MessageRecord {
  return {
    tenantId: delivery.tenantId,
    id: delivery.id,
    type: poisoned ? toStorable(delivery.type) : delivery.type,
    data: poisoned ? null : delivery.text(),
    priority: delivery.priority,
    key: poisoned && delivery.key !== null ? toStorable(delivery.key) : delivery.key,
    status: failure === null ? 'processed' : 'failed',
    attempts: delivery.attempt,
    error: failure === null ? null : toStorable(failure),
    createdAtMs: delivery.createdAtMs,
  }
}

/** A text that PostgreSQL can hold, also in a dead-letter queue's JSON: no NUL, no lone surrogate, 2,000 characters. */
export const toStorable = (text: string): string => text.replaceAll('\u0000', '\uFFFD').slice(0, 2_000).toWellFormed()
