/** Watches the database for statements that sleep. */
import type { Stage } from '../../stage/stage.ts'

const everyMs = 250

export interface SleeperWatch {
  /** What was seen sleeping since the watch began. */
  stop(): Promise<readonly string[]>
}

export function watchSleepers({ query }: Stage): SleeperWatch {
  const seen = new Set<string>()
  const look = async (): Promise<void> => {
    const rows = await query<{ query: string }>(
      `select query from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
    )
    for (const { query: statement } of rows) seen.add(statement)
  }
  let looking = Promise.resolve()
  const timer = setInterval(() => {
    looking = looking.then(look).catch(() => undefined)
  }, everyMs)
  return {
    async stop() {
      clearInterval(timer)
      await looking
      await look()
      return [...seen]
    },
  }
}
