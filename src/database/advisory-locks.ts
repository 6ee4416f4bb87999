/** Locks that one node of the installation holds at a time, all on one connection. */
import pg from 'pg'
import { type ConnectionTarget, connectionSettings } from './connection-settings.ts'
import { toDatabaseError } from './errors.ts'

/** Errors: AppError `database.unavailable`. */
export interface AdvisoryLocks {
  /**
   * Runs `work` while this call alone, of all calls on all nodes, holds `name`; returns undefined at once when another one holds it.
   *
   * The lock ends with the work, with close(), with the process, or with the connection: then `work` goes on unprotected
   * and another node may begin, so what it does must bear being done twice.
   */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T | undefined>
  /** Tolerates twice. */
  close(): Promise<void>
}

const answerMs = 10_000

export function createAdvisoryLocks(target: ConnectionTarget): AdvisoryLocks {
  const held = new Set<string>()
  let connection: pg.Client | undefined
  // One connection runs one statement at a time: each waits for the one before.
  let last: Promise<unknown> = Promise.resolve()

  function inTurn<T>(step: () => Promise<T>): Promise<T> {
    const mine = last.then(step)
    last = mine.catch(() => undefined)
    return mine
  }

  async function ask(statement: string, name: string): Promise<boolean> {
    const open = connection ?? (await connect())
    const key = `tenantry:${target.schema}:lock:${name}`
    try {
      const { rows } = await open.query<{ answer: boolean }>(`select ${statement}(hashtextextended($1, 0)) as answer`, [key])
      return rows[0]?.answer === true
    } catch (error) {
      await disconnect(open)
      throw toDatabaseError(error)
    }
  }

  async function connect(): Promise<pg.Client> {
    const opening = new pg.Client({ ...connectionSettings(target, 'tenantry-locks'), query_timeout: answerMs })
    opening.on('error', () => void disconnect(opening))
    try {
      await opening.connect()
    } catch (error) {
      throw toDatabaseError(error)
    }
    connection = opening
    return opening
  }

  // The server frees the locks of a connection that ends.
  async function disconnect(lost: pg.Client | undefined): Promise<void> {
    if (connection === lost) connection = undefined
    await lost?.end().catch(() => undefined)
  }

  const release = (name: string, isLocked: boolean) =>
    inTurn(async () => {
      // A lock taken on a connection that is gone is free already; asking a new connection does no harm.
      if (isLocked && connection !== undefined) await ask('pg_advisory_unlock', name).catch(() => undefined)
      held.delete(name)
      if (held.size === 0) await disconnect(connection)
    })

  return {
    async exclusively(name, work) {
      // The server lets one connection take a lock twice, so calls of this node are told apart here.
      if (held.has(name)) return undefined
      held.add(name)
      let isLocked = false
      try {
        isLocked = await inTurn(() => ask('pg_try_advisory_lock', name))
        return isLocked ? await work() : undefined
      } finally {
        await release(name, isLocked)
      }
    },
    close: () => inTurn(() => disconnect(connection)),
  }
}
