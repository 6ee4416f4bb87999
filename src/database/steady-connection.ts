/** One connection that is opened again whenever it is lost. */
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { type BackoffPolicy, computeBackoffMs } from '../core/backoff.ts'
import { AppError } from '../core/errors.ts'
import { type ConnectionTarget, connectionSettings } from './connection-settings.ts'
import { isConnectionIntact, toDatabaseError } from './errors.ts'

export interface SteadyConnection {
  /** Runs one statement after those asked for before. Errors: AppError `database.unavailable`, also while there is no connection. */
  run(text: string, values?: readonly string[]): Promise<void>
  /** Waits for the statements asked for, then ends. Tolerates twice and never-connected. */
  close(): Promise<void>
}

export interface SteadyConnectionOptions extends ConnectionTarget {
  readonly applicationName: string
  /** Called after each opening, the first one included. */
  readonly onConnected: () => void
  readonly onNotification: (channel: string, payload: string) => void
  /** Hears why a connection was lost or not made; the next one is tried after a backoff. */
  readonly onError: (error: Error) => void
}

const reconnect: BackoffPolicy = { baseMs: 200, factor: 2, capMs: 10_000 }
const answerMs = 10_000
/** A silent connection may be dead: nobody would tell a listener. */
const probeEveryMs = 30_000
const farewellMs = 1_000

export function createSteadyConnection(options: SteadyConnectionOptions): SteadyConnection {
  const stop = new AbortController()
  let connection: pg.Client | undefined
  let last: Promise<void> = Promise.resolve()
  let giveUp = () => {}
  let failures = 0

  async function stayConnected(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await useConnection()
      } catch (error) {
        options.onError(toDatabaseError(error))
      }
      failures++
      await wait(computeBackoffMs(failures, reconnect), undefined, { signal: stop.signal }).catch(() => undefined)
    }
  }

  /** Ends when the connection does; throws when it broke or was not made. */
  async function useConnection(): Promise<void> {
    const settings = connectionSettings(options, options.applicationName)
    const opening = new pg.Client({ ...settings, query_timeout: answerMs })
    const over = Promise.withResolvers<void>()
    opening.on('error', over.reject)
    opening.on('end', () => over.resolve())
    opening.on('notification', ({ channel, payload }) => options.onNotification(channel, payload ?? ''))
    giveUp = over.resolve
    const connecting = opening.connect()
    const probe = setInterval(() => void run('select 1').catch(() => undefined), probeEveryMs)
    try {
      await Promise.race([connecting, over.promise])
      if (stop.signal.aborted) return
      connection = opening
      failures = 0
      options.onConnected()
      await over.promise
    } finally {
      clearInterval(probe)
      connection = undefined
      // Both may still reject after a failure; what happened has been told.
      connecting.catch(() => undefined)
      over.promise.catch(() => undefined)
      await endWithin(opening, farewellMs)
    }
  }

  function run(text: string, values: readonly string[] = []): Promise<void> {
    const mine = last.then(async () => {
      const open = connection
      if (open === undefined)
        throw new AppError('database.unavailable', 'there is no connection now', { retryable: true, scope: 'connection' })
      try {
        await open.query(text, [...values])
      } catch (error) {
        if (!isConnectionIntact(error)) open.end().catch(() => undefined)
        throw toDatabaseError(error)
      }
    })
    last = mine.catch(() => undefined)
    return mine
  }

  const ended = stayConnected()
  return {
    run,
    async close() {
      await last
      stop.abort()
      giveUp()
      await ended
    },
  }
}

/** A peer that is gone never answers a farewell. */
async function endWithin(client: pg.Client, limitMs: number): Promise<void> {
  const ended = new AbortController()
  const ending = client.end().catch(() => undefined)
  await Promise.race([ending, wait(limitMs, undefined, { signal: ended.signal }).catch(() => undefined)])
  ended.abort()
}
