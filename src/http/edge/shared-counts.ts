/** Counts that all nodes share through PostgreSQL; a database that is slow or away holds no request up. */
import { RateLimiterPostgres } from 'rate-limiter-flexible'
import { errorText } from '../../core/errors.ts'
import { within } from '../../core/within.ts'
import type { Log } from '../log.ts'
import type { Count } from './counter.ts'

export interface SharedCountsOptions {
  readonly windowSeconds: number
  /** `auto`: postgres while another node that serves the API is alive. */
  readonly store: 'auto' | 'memory' | 'postgres'
  /** Runs one statement. The table `rate_limits` is there. */
  query(text: string, values: readonly unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** How many other nodes that serve the API are alive. Asked every few seconds while requests come. */
  otherApiNodes(): Promise<number>
  /** How long a request waits for the shared count, or for who else is there; 1,000 ms unless told otherwise. */
  readonly answerWithinMs?: number | undefined
  readonly log: Log
}

export interface SharedCounts {
  /** Waits for who else is there when nobody has asked lately: the first burst after a start or a quiet time counts, too. Errors: none. */
  isInUse(): Promise<boolean>
  /** undefined when the database has not answered in time. Errors: none. */
  add(key: string, points: number): Promise<Count | undefined>
}

const askNodesEveryMs = 3_000
/** Longer than it takes to ask again, so that requests that keep coming never wait for it. */
const believeNodesMs = 5_000
const defaultAnswerWithinMs = 1_000
/** After a failure, requests are not kept waiting again for this long. */
const restMs = 5_000
const sweepEveryMs = 60_000

export function createSharedCounts({
  windowSeconds,
  store,
  query,
  otherApiNodes,
  answerWithinMs = defaultAnswerWithinMs,
  log,
}: SharedCountsOptions): SharedCounts {
  const limiter = new RateLimiterPostgres({
    points: Number.MAX_SAFE_INTEGER,
    duration: windowSeconds,
    keyPrefix: '',
    tableName: 'rate_limits',
    tableCreated: true,
    clearExpiredByTimeout: false,
    storeType: 'client',
    storeClient: {
      query: ({ text, values }: { text: string; values: readonly unknown[] }) =>
        query(text, values).then((rows) => ({ rows, rowCount: rows.length })),
    },
  })
  let hasOthers = false
  let askNodesAtMs = 0
  let believedUntilMs = 0
  let asking = Promise.resolve()
  let restUntilMs = 0
  let sweepAtMs = Date.now() + sweepEveryMs

  return {
    async isInUse() {
      const nowMs = Date.now()
      if (store === 'memory' || nowMs < restUntilMs) return false
      if (store === 'postgres') return true
      if (nowMs >= askNodesAtMs) asking = askNodes(nowMs)
      if (nowMs >= believedUntilMs) await asking
      return hasOthers && Date.now() >= restUntilMs
    },

    async add(key, points) {
      sweepNowAndThen()
      try {
        const { consumedPoints, msBeforeNext } = await inTime(limiter.consume(key, points))
        return { used: consumedPoints, resetsInMs: msBeforeNext }
      } catch (error) {
        rest(error)
        return undefined
      }
    },
  }

  /** Without an answer, what was known before stands. Errors: none. */
  async function askNodes(nowMs: number): Promise<void> {
    askNodesAtMs = nowMs + askNodesEveryMs
    try {
      hasOthers = (await inTime(otherApiNodes())) > 0
    } catch (error) {
      // A request that has waited for this does not wait for the counts as well.
      if (hasOthers) rest(error)
      else log('debug', 'the other nodes could not be counted', { reason: errorText(error) })
    }
    believedUntilMs = Date.now() + believeNodesMs
  }

  function rest(error: unknown): void {
    restUntilMs = Date.now() + restMs
    log('warn', 'requests are counted on this node alone: the shared counts are away', { reason: errorText(error) })
  }

  function inTime<Answer>(asked: Promise<Answer>): Promise<Answer> {
    return within(asked, answerWithinMs, () => {
      throw new Error(`no answer within ${answerWithinMs} ms`)
    })
  }

  /** Clients come and go: their rows must not stay. */
  function sweepNowAndThen(): void {
    const nowMs = Date.now()
    if (nowMs < sweepAtMs) return
    sweepAtMs = nowMs + sweepEveryMs
    query('delete from rate_limits where expire < $1', [nowMs - sweepEveryMs]).catch((error: unknown) =>
      log('debug', 'old counts could not be removed', { reason: errorText(error) }),
    )
  }
}
