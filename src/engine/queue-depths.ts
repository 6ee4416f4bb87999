/**
 * How many messages wait in the tenants' queues, without asking about every queue.
 *
 * A tenant that runs and holds less than its prefetch has an empty queue: the broker would have sent more. So only the others are asked
 * about, a few at a time, those that move first, and only while somebody reads the answer.
 */
import type { TenantStatusReport } from '../../actors/index.ts'
import { AppError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { Broker } from '../core/ports/broker.ts'
import { within } from '../core/within.ts'
import { largest } from './largest.ts'
import { createWhileRead } from './while-read.ts'

export interface QueueDepths {
  /** What is known now; somebody reads it, so looks go on for a minute. `ageSeconds` is that of the oldest look, 0 without any. */
  read(): { readonly ready: number; readonly ageSeconds: number }
  /** 0 for a queue that is empty, or was never looked at. */
  readyOf(tenantId: TenantId): number
  /** One round of looks; what the timer does. Never rejects. */
  look(): Promise<void>
  stop(): void
}

export interface QueueDepthsOptions {
  readonly board: { entries(): Iterable<readonly [TenantId, Pick<TenantStatusReport, 'state'>]> }
  readonly sessions: { find(tenantId: TenantId): { readonly inFlight: number } | undefined }
  readonly broker: Pick<Broker, 'depth'>
  readonly prefetch: number
  /** Nobody is asked while the broker is away. */
  readonly isBrokerUp: () => boolean
  readonly nowMs?: () => number
}

interface Queue {
  readonly sinceMs: number
  ready: number
  triedAtMs: number | undefined
  lookedAtMs: number | undefined
}

/** With a round each second: at most 20 questions a second, 4 at once. */
const looksPerRound = 20
const looksAtOnce = 4
/** Looks take a tenth of the time at most: a long queue in PostgreSQL takes a while to count. The rest is no longer than this. */
const longestRestMs = 60_000
const roundMs = 1_000
const lookDeadlineMs = 5_000
/** A queue that moves is looked at so often, one that stands still more rarely. */
const busyEveryMs = 5_000
const stillEveryMs = 30_000

export function createQueueDepths(options: QueueDepthsOptions): QueueDepths {
  const { board, sessions, broker, prefetch, isBrokerUp, nowMs = () => performance.now() } = options
  /** The queues that may hold something. */
  const queues = new Map<TenantId, Queue>()
  let restsUntilMs = Number.NEGATIVE_INFINITY

  const mayHold = (tenantId: TenantId, state: TenantStatusReport['state'], known: Queue | undefined): boolean => {
    if (state === 'deleting' || state === 'deleted') return false
    if (known !== undefined && (known.ready > 0 || known.lookedAtMs === undefined)) return true
    // It has finished its queue, and takes no messages.
    if (state === 'stopped') return false
    return state !== 'running' || isFull(tenantId)
  }
  const isFull = (tenantId: TenantId): boolean => (sessions.find(tenantId)?.inFlight ?? 0) >= prefetch
  const dueBy = ([tenantId, { ready, triedAtMs }]: readonly [TenantId, Queue], now: number): number => {
    const everyMs = ready > 0 || isFull(tenantId) ? busyEveryMs : stillEveryMs
    // One that was never looked at goes before all others, and a moving one before one that stands still.
    const due = triedAtMs === undefined ? Number.MAX_SAFE_INTEGER / everyMs : (now - triedAtMs) / everyMs
    return due >= 1 ? due : 0
  }

  /** Adds the queues that may hold something now, and forgets those that are empty. */
  const sift = (now: number): void => {
    const unseen = new Set(queues.keys())
    for (const [tenantId, { state }] of board.entries()) {
      const known = queues.get(tenantId)
      if (!mayHold(tenantId, state, known)) continue
      unseen.delete(tenantId)
      if (known === undefined) queues.set(tenantId, { sinceMs: now, ready: 0, triedAtMs: undefined, lookedAtMs: undefined })
    }
    for (const tenantId of unseen) queues.delete(tenantId)
  }

  const ask = async (tenantId: TenantId, queue: Queue): Promise<void> => {
    queue.triedAtMs = nowMs()
    try {
      queue.ready = (await within(broker.depth(tenantId), lookDeadlineMs, noAnswer)).ready
    } catch (error) {
      // What was known stays, and grows old.
      if (!(error instanceof AppError && error.code === 'queue.missing')) return
      queue.ready = 0
    }
    queue.lookedAtMs = nowMs()
  }

  const look = async (): Promise<void> => {
    const now = nowMs()
    sift(now)
    if (!isBrokerUp() || now < restsUntilMs) return
    let tookMs = 0
    const waiting = [...largest(queues, looksPerRound, (entry) => dueBy(entry, now))].values()
    const askInTurn = async (): Promise<void> => {
      for (const [tenantId, queue] of waiting) {
        const beganMs = nowMs()
        await ask(tenantId, queue)
        tookMs += nowMs() - beganMs
      }
    }
    await Promise.all(Array.from({ length: looksAtOnce }, askInTurn))
    restsUntilMs = nowMs() + Math.min(longestRestMs, 10 * tookMs)
  }
  const rounds = createWhileRead({ everyMs: roundMs, work: look })

  return {
    read() {
      rounds.read()
      const now = nowMs()
      let ready = 0
      let oldestMs = now
      for (const queue of queues.values()) {
        ready += queue.ready
        oldestMs = Math.min(oldestMs, queue.lookedAtMs ?? queue.sinceMs)
      }
      return { ready, ageSeconds: (now - oldestMs) / 1000 }
    },
    readyOf: (tenantId) => queues.get(tenantId)?.ready ?? 0,
    look,
    stop: rounds.stop,
  }
}

function noAnswer(): never {
  throw new Error(`no answer within ${lookDeadlineMs} ms`)
}
