/** Backup and restore of an installation with the embedded database: one archive of its files. */
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Config } from '../config/index.ts'
import { AppError } from '../core/errors.ts'
import { copyCluster, embeddedPostgresMajor, lockDataDir } from '../database/embedded/index.ts'
import { version } from '../version.ts'
import { archived, inspectArchive, packArchive, unpackArchive } from './backup-archive.ts'
import { type Manifest, manifestName, readManifest } from './backup-manifest.ts'

export interface BackupOptions {
  /** Puts the installation's secret into the archive. */
  readonly withSecret: boolean
}

/** Returns what was done, a sentence each. Errors: AppError. */
export async function backUpEmbedded(config: Config, file: string, { withSecret }: BackupOptions): Promise<readonly string[]> {
  const takenAt = new Date()
  // Beside the archive: there is room where it is to be, and the copy is as private as the directory of one user can be.
  const dir = await mkdtemp(`${resolve(file)}.files-`)
  try {
    const copied = await copyCluster(config.dataDir, join(dir, archived.cluster))
    const password = await readFile(join(config.dataDir, archived.password))
    await writeFile(join(dir, archived.password), password, { mode: 0o600 })
    const secret = withSecret ? (config.secret ?? (await readSecret(config.dataDir))) : undefined
    if (secret !== undefined) await writeFile(join(dir, archived.secret), `${secret}\n`, { mode: 0o600 })
    const manifest: Manifest = {
      format: 1,
      version,
      postgres: copied.postgres,
      arch: process.arch,
      kind: copied.kind,
      taken_at: takenAt.toISOString(),
      with_secret: secret !== undefined,
    }
    await writeFile(join(dir, manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`)
    const secrets = secret === undefined ? [] : [archived.secret]
    await packArchive(dir, [archived.password, ...secrets, archived.cluster], file)
    return [
      `${file} holds everything that was accepted before ${manifest.taken_at} (the database ${copied.kind === 'hot' ? 'was running' : 'was not running'})`,
      secret === undefined
        ? 'the installation’s secret is not in it: keep DATA_DIR/secret, or TENANTRY_SECRET, in another place; without it stored credentials cannot be opened'
        : 'the installation’s secret is in it: whoever has this file can open every stored credential',
      ...(config.rabbitmq.url === undefined ? [] : ['messages in the queues of RabbitMQ are not in it']),
    ]
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Into a DATA_DIR that holds nothing but, perhaps, the secret. Errors: AppError; the directory is then as it was. */
export async function restoreEmbedded(config: Config, file: string): Promise<readonly string[]> {
  const { dataDir } = config
  await requireEmpty(dataDir)
  const program = { version, postgres: await embeddedPostgresMajor(), arch: process.arch }
  const manifest = readManifest(await inspectArchive(file), program)
  // No node starts here until it is done.
  const lock = await lockDataDir(dataDir)
  await removeDrafts(dataDir)
  const dir = await mkdtemp(join(dataDir, draftPrefix))
  try {
    await requireEmpty(dataDir)
    await unpackArchive(file, dir)
    const keptSecret = (await readSecret(dataDir)) !== undefined
    if (manifest.with_secret && !keptSecret) await rename(join(dir, archived.secret), join(dataDir, archived.secret))
    await rename(join(dir, archived.password), join(dataDir, archived.password))
    // The cluster last: a directory without one is a new installation.
    await rename(join(dir, archived.cluster), join(dataDir, archived.cluster))
    const hasSecret = manifest.with_secret || keptSecret || config.secret !== undefined
    return [
      `${dataDir} holds everything that was accepted before ${manifest.taken_at}; start the node`,
      ...(hasSecret
        ? []
        : [
            'the archive has no secret: before the node starts, put the old one into DATA_DIR/secret or set TENANTRY_SECRET; a new one opens no stored credential',
          ]),
    ]
  } finally {
    await rm(dir, { recursive: true, force: true })
    await lock.release()
  }
}

const draftPrefix = 'restore.tmp-'

/** What a restore that was killed has left. */
async function removeDrafts(dataDir: string): Promise<void> {
  const drafts = (await readdir(dataDir)).filter((name) => name.startsWith(draftPrefix))
  for (const draft of drafts) await rm(join(dataDir, draft), { recursive: true, force: true })
}

async function requireEmpty(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new AppError('config.invalid', `data_dir ${dataDir} cannot be read: ${error.message}`)
  })
  const others = names.filter((name) => name !== archived.secret && !name.startsWith('tenantry.lock') && !name.startsWith(draftPrefix))
  if (others.length === 0) return
  throw new AppError(
    'config.invalid',
    `data_dir ${dataDir} is not empty (${others[0]}): a restore never overwrites; move it away or set DATA_DIR to a new directory`,
  )
}

async function readSecret(dataDir: string): Promise<string | undefined> {
  const text = await readFile(join(dataDir, archived.secret), 'utf8').catch(() => undefined)
  return text?.trim() || undefined
}
