/** `npm run backup -- <file> [--with-secret]`: a backup of the installation that the configuration names, while it runs or not. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { loadConfig } from '../config/index.ts'
import { AppError, errorText } from '../core/errors.ts'
import { backUpByDump } from './backup-dump.ts'
import { backUpEmbedded } from './backup-embedded.ts'

async function backUp(): Promise<readonly string[]> {
  const { values, positionals } = readArguments()
  const [file, ...others] = positionals
  if (file === undefined || others.length > 0) throw new AppError('config.invalid', usage)
  if (existsSync(file)) throw new AppError('config.invalid', `${file} exists: a backup never overwrites`)
  // A directory that is not there may be a disk that is not mounted.
  if (!existsSync(dirname(file))) throw new AppError('config.invalid', `${dirname(file)} does not exist: make it, or mount it, first`)
  const config = loadConfig({ env: process.env })
  const withSecret = values['with-secret']
  if (config.database.url === undefined) return backUpEmbedded(config, file, { withSecret })
  if (withSecret)
    throw new AppError('config.invalid', '--with-secret is for the embedded database: TENANTRY_SECRET is kept by whoever sets it')
  return backUpByDump(config.database.url, file)
}

const usage = 'usage: npm run backup -- <file> [--with-secret]'

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options: { 'with-secret': { type: 'boolean', default: false } } })
  } catch (error) {
    throw new AppError('config.invalid', `${errorText(error)}; ${usage}`)
  }
}

backUp().then(
  (lines) => {
    for (const line of lines) process.stdout.write(`backup: ${line}\n`)
    process.exit(0)
  },
  (error: unknown) => {
    process.stderr.write(`backup: ${errorText(error, 2_000)}\n`)
    process.exit(1)
  },
)
