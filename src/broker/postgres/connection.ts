/** The way to the database: query pool, pg-boss and the presence connection, opened together and lost together. */
import { PgBoss } from 'pg-boss'
import { errorText } from '../../core/errors.ts'
import { createDatabase } from './database.ts'
import { notConnected } from './errors.ts'
import type { BrokerLog } from './options.ts'
import { createPresence } from './presence.ts'
import { bossOptions } from './queue-policy.ts'
import type { Statements } from './statements.ts'
import { createStatements } from './statements.ts'

export interface Connection {
  readonly boss: PgBoss
  readonly statements: Statements
  /** Looks whether the database still answers and declares the connection lost when it does not. Never rejects. */
  probe(): Promise<void>
  /** Breaks everything: statements under way reject, onLost is not called. Tolerates twice. Never rejects. */
  destroy(): Promise<void>
}

export interface ConnectionOptions {
  readonly url: string
  readonly schema: string
  readonly poolSize: number
  readonly log: BrokerLog
  /** Called once when an open connection is lost; everything is broken by then. */
  readonly onLost: (reason: string) => void
}

const probeTimeoutMs = 5_000

/**
 * Joins the other nodes, installs or migrates pg-boss's schema and, when no other node is alive, gives every claimed
 * message back to its queue. Aborting breaks the connections, so it rejects soon after.
 */
export async function openConnection(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
  const { url, schema, log } = options
  let phase: 'opening' | 'open' | 'ended' = 'opening'
  let lostEarly: string | undefined
  let probing: Promise<void> | undefined
  let destroyed: Promise<void> | undefined

  const database = createDatabase({ url, poolSize: options.poolSize, onTrouble: () => void probe() })
  const presence = createPresence({ url, schema, onEnded: lose })
  const boss = new PgBoss({ ...bossOptions, schema, db: { executeSql: (text, values) => database.query(text, values) } })
  boss.on('error', (error) => {
    if (phase === 'open') log('warn', 'pg-boss reported an error', { reason: errorText(error) })
  })
  boss.on('warning', (warning) => log('warn', 'pg-boss warns', { warning: warning.message }))
  const statements = createStatements(database, schema)

  async function settleIn(): Promise<void> {
    const { alone } = await presence.join()
    await boss.start()
    if (alone) await statements.prepare()
    const released = alone ? await statements.releaseAll() : 0
    if (released > 0) log('info', 'messages that a dead node had claimed went back to their queues', { released })
    await presence.settle()
  }

  function lose(reason: string): void {
    if (phase === 'ended') return
    const isNews = phase === 'open'
    void destroy()
    if (isNews) options.onLost(reason)
    else lostEarly = reason
  }

  async function probe(): Promise<void> {
    if (phase !== 'open') return
    probing ??= presence
      .probe(probeTimeoutMs)
      .then((alive) => {
        if (!alive) lose('the database does not answer')
      })
      .finally(() => {
        probing = undefined
      })
    return probing
  }

  function destroy(): Promise<void> {
    phase = 'ended'
    destroyed ??= Promise.allSettled([boss.stop({ graceful: false }), presence.close(), database.destroy()]).then(() => undefined)
    return destroyed
  }

  const abort = () => void destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    signal.throwIfAborted()
    await settleIn()
    signal.throwIfAborted()
    // Without its presence other nodes would take this one for dead, and its claims for nobody's.
    if (lostEarly !== undefined) throw notConnected(lostEarly)
    phase = 'open'
    return { boss, statements, probe, destroy }
  } catch (error) {
    await destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
