/** The installation's secret: from the configuration, or kept in the data directory beside the embedded database. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from './config/index.ts'
import { AppError, errorText } from './core/errors.ts'

/** Every key of the installation is derived from it (`deriveKeys`). */
export interface InstallationSecret {
  readonly current: string
  /** Accepted beside the current one while it is being replaced. */
  readonly previous: string | undefined
}

const minLength = 32

/**
 * The configured secret; without one, and with the embedded database only, the one that an earlier start has left in
 * `DATA_DIR/secret`, or a new one. One that is configured beside the file replaces it, and the file's is the previous one.
 *
 * Errors: AppError `config.invalid`: an external database needs a configured one, since all nodes must have the same.
 */
export async function readInstallationSecret({ secret, secretPrevious, database, dataDir }: Config): Promise<InstallationSecret> {
  const file = database.url === undefined ? join(dataDir, 'secret') : undefined
  if (secret !== undefined) return { current: secret, previous: secretPrevious ?? (file && (await readSecret(file))) }
  if (file === undefined) {
    throw new AppError(
      'config.invalid',
      'secret is not set: with a database of your own, set TENANTRY_SECRET to the same text on every node; `openssl rand -base64 32` makes one',
    )
  }
  return { current: (await readSecret(file)) ?? (await makeSecret(dataDir, file)), previous: secretPrevious }
}

/** undefined when there is no such file. */
async function readSecret(file: string): Promise<string | undefined> {
  let secret: string
  try {
    secret = (await readFile(file, 'utf8')).trim()
    // A copy that came back from a backup may be open to others.
    await chmod(file, 0o600)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw new AppError('config.invalid', `${file} cannot be read (${errorText(error)})`)
  }
  if (secret.length >= minLength) return secret
  throw new AppError(
    'config.invalid',
    `${file} holds less than ${minLength} characters: restore it from a backup; a new one ends every session and opens no stored credential`,
  )
}

async function makeSecret(dataDir: string, file: string): Promise<string> {
  const secret = randomBytes(32).toString('base64url')
  try {
    await mkdir(dataDir, { recursive: true })
    await writeFile(file, `${secret}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    throw new AppError('config.invalid', `${file} cannot be written (${errorText(error)}); set DATA_DIR, or TENANTRY_SECRET`)
  }
  return secret
}
