/** `npm run restore -- <file>`: a backup becomes the installation that the configuration names, which must be empty. */
import { open } from 'node:fs/promises'
import { loadConfig } from '../config/index.ts'
import { AppError, errorText } from '../core/errors.ts'
import { restoreDump } from './backup-dump.ts'
import { restoreEmbedded } from './backup-embedded.ts'

async function restore([file, ...others]: readonly string[]): Promise<readonly string[]> {
  if (file === undefined || others.length > 0 || file.startsWith('-'))
    throw new AppError('config.invalid', 'usage: npm run restore -- <file>')
  const config = loadConfig({ env: process.env })
  const kind = await readKind(file)
  if (kind === 'archive') {
    if (config.database.url === undefined) return restoreEmbedded(config, file)
    throw new AppError('config.invalid', `${file} is of an embedded database, and DATABASE_URL is set: unset it`)
  }
  if (config.database.url !== undefined) return restoreDump(config.database.url, file)
  throw new AppError('config.invalid', `${file} is a dump: set DATABASE_URL to an empty database`)
}

/** By its first bytes: gzip, or pg_dump's own format. */
async function readKind(file: string): Promise<'archive' | 'dump'> {
  const start = Buffer.alloc(5)
  try {
    await using handle = await open(file)
    await handle.read(start, 0, start.length, 0)
  } catch (error) {
    throw new AppError('config.invalid', `${file} cannot be read: ${errorText(error)}`)
  }
  if (start.toString('latin1') === 'PGDMP') return 'dump'
  if (start.readUInt16BE(0) === 0x1f8b) return 'archive'
  throw new AppError('config.invalid', `${file} is no backup of Tenantry`)
}

restore(process.argv.slice(2)).then(
  (lines) => {
    for (const line of lines) process.stdout.write(`restore: ${line}\n`)
    process.exit(0)
  },
  (error: unknown) => {
    process.stderr.write(`restore: ${errorText(error, 2_000)}\n`)
    process.exit(1)
  },
)
