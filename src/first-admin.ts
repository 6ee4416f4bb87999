/** The platform admin of a first start: made, and its generated password kept where the operator finds it. */
import { access, constants, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bootstrapAdmin } from './auth/index.ts'
import type { Config } from './config/index.ts'
import { AppError, errorText } from './core/errors.ts'
import type { Logger } from './core/ports/logger.ts'
import type { Database } from './database/index.ts'

export interface GeneratedAdmin {
  readonly username: string
  readonly password: string
  readonly file: string
}

/** Resolves with the admin whose password this start has generated. Errors: AppError `config.invalid` when it cannot be kept. */
export async function prepareAdmin(
  config: Pick<Config, 'admin' | 'dataDir'>,
  database: Pick<Database, 'auth' | 'sessions'>,
  log: Pick<Logger, 'warn'>,
): Promise<GeneratedAdmin | undefined> {
  const { username, password } = config.admin
  // Before the password is made: one that cannot be kept would be lost for good.
  if (password === undefined) await requireWritable(config.dataDir)
  const result = await bootstrapAdmin({ store: database.auth, sessions: database.sessions, username, password })
  if (result.kind === 'other_admin')
    log.warn('ADMIN_USERNAME is not the name of this installation’s admin; nothing was changed', { username })
  if (result.kind === 'updated')
    log.warn('ADMIN_PASSWORD has changed: the admin’s password was set to it, and the admin’s sessions have ended', { username })
  if (result.kind !== 'generated') return undefined
  const file = join(config.dataDir, 'admin-password')
  await rm(file, { force: true })
  await writeFile(file, `${result.password}\n`, { mode: 0o600, flag: 'wx' })
  return { username, password: result.password, file }
}

async function requireWritable(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true })
    await access(dir, constants.W_OK)
  } catch (error) {
    throw new AppError('config.invalid', `data_dir ${dir} cannot be written (${errorText(error)}); set DATA_DIR, or ADMIN_PASSWORD`)
  }
}
