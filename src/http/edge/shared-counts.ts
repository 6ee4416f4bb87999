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
  /** How long a request waits for the shared count; 1,000 ms unless told otherwise. */
  readonly answerWithinMs?: number | undefined
  readonly log: Log
}

export interface SharedCounts {
  isInUse(): boolean
  /** undefined when the database has not answered in time. Errors: none. */
  add(key: string, points: number): Promise<Count | undefined>
}

const askNodesEveryMs = 3_000
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
  let restUntilMs = 0
  let sweepAtMs = Date.now() + sweepEveryMs

  return {
    isInUse() {
      const nowMs = Date.now()
      if (store === 'memory' || nowMs < restUntilMs) return false
      if (store === 'auto' && nowMs >= askNodesAtMs) askNodes(nowMs)
      return store === 'postgres' || hasOthers
    },

    async add(key, points) {
      sweepNowAndThen()
      try {
        const { consumedPoints, msBeforeNext } = await within(limiter.consume(key, points), answerWithinMs, () => {
          throw new Error(`no answer within ${answerWithinMs} ms`)
        })
        return { used: consumedPoints, resetsInMs: msBeforeNext }
      } catch (error) {
        restUntilMs = Date.now() + restMs
        log('warn', 'requests are counted on this node alone: the shared counts are away', { reason: errorText(error) })
        return undefined
      }
    },
  }

  /** In the background: a request goes by what was known before. */
  function askNodes(nowMs: number): void {
    askNodesAtMs = nowMs + askNodesEveryMs
    otherApiNodes().then(
      (count) => {
        hasOthers = count > 0
      },
      (error: unknown) => log('debug', 'the other nodes could not be counted', { reason: errorText(error) }),
    )
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
