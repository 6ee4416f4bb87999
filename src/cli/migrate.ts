/** `npm run migrate -- up | down | status`: brings the database to this program's version, back by one, or shows where it is. */
import { loadConfig } from '../config/index.ts'
import { AppError, errorText } from '../core/errors.ts'
import { startEmbeddedPostgres } from '../database/embedded/index.ts'
import { migrateDown, migrateUp, migrationStatus } from '../database/index.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function run(command: string | undefined, url: string): Promise<void> {
  const target = { url, schema: 'public' }
  switch (command) {
    case 'up': {
      const applied = await migrateUp(target)
      say(applied.length > 0 ? `applied ${applied.join(', ')}` : 'nothing to do: the database is up to date')
      return
    }
    case 'down': {
      const reverted = await migrateDown(target)
      say(reverted.length > 0 ? `took back ${reverted.join(', ')}` : 'nothing to do: no migration has been applied')
      return
    }
    case 'status':
      for (const { name, executedAt } of await migrationStatus(target)) say(`${executedAt?.toISOString() ?? 'pending'.padEnd(24)}  ${name}`)
      return
    default:
      throw new AppError('config.invalid', `usage: npm run migrate -- up | down | status (got ${command ?? 'nothing'})`)
  }
}

async function main(): Promise<void> {
  const config = loadConfig({ env: process.env })
  const command = process.argv[2]
  if (config.database.url !== undefined) return run(command, config.database.url)
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log: () => {} })
  try {
    await run(command, embedded.url)
  } finally {
    await embedded.stop()
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`migrate: ${errorText(error, 2_000)}\n`)
    process.exit(1)
  },
)
