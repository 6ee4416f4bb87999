/** The archive of an embedded installation: packed whole, and unpacked only when nothing in it is strange. */
import { chmod, open, rename, rm } from 'node:fs/promises'
import { create, extract, list, type ReadEntry } from 'tar'
import { errorText } from '../core/errors.ts'
import { manifestName, refused } from './backup-manifest.ts'

/** Beside the manifest. `postgres` is a directory; the others are files, of which the secret may be missing. */
export const archived = { cluster: 'postgres', password: 'postgres-password', secret: 'secret' } as const

/** Packs the names that are in `dir` into `file`, which appears whole or not at all, and is readable by its owner alone. */
export async function packArchive(dir: string, names: readonly string[], file: string): Promise<void> {
  const draft = `${file}.part`
  try {
    await (await open(draft, 'w', 0o600)).close()
    await chmod(draft, 0o600)
    // The manifest goes first. `portable` leaves out who owned what: whoever restores it owns it.
    await create({ file: draft, cwd: dir, gzip: { level: 4 }, portable: true, strict: true }, [manifestName, ...names])
    await flush(draft)
    await rename(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
}

/** The text of its manifest. Errors: AppError `config.invalid` for anything that is not a whole archive of ours. */
export async function inspectArchive(file: string): Promise<string | undefined> {
  const strange: string[] = []
  const chunks: Buffer[] = []
  const names = new Set<string>()
  try {
    await list({
      file,
      strict: true,
      onReadEntry: (entry) => {
        names.add(toName(entry.path))
        if (!isOurs(entry)) strange.push(entry.path)
        if (entry.path === manifestName) entry.on('data', (chunk) => chunks.push(chunk))
      },
    })
  } catch (error) {
    throw refused(`${file} is not a whole .tar.gz archive (${errorText(error)})`)
  }
  if (strange.length > 0) throw refused(`it holds what no backup of Tenantry does: ${JSON.stringify(strange[0])}`)
  if (!names.has(manifestName)) return undefined
  for (const name of [archived.cluster, archived.password]) if (!names.has(name)) throw refused(`${name} is missing in it`)
  return Buffer.concat(chunks).toString('utf8')
}

/** Into `dir`, which exists. What it writes belongs to this user. */
export async function unpackArchive(file: string, dir: string): Promise<void> {
  await extract({ file, cwd: dir, strict: true, preserveOwner: false, filter: (_path, entry) => 'type' in entry && isOurs(entry) })
}

const toName = (path: string): string => path.replace(/\/$/, '')

/** Plain files and directories in the places that we have made: no links, no way out of the directory. */
function isOurs({ type, path }: Pick<ReadEntry, 'type' | 'path'>): boolean {
  const parts = toName(path).split('/')
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\p{Cc}]/u.test(part))
  if (!isPlain) return false
  if (parts[0] === archived.cluster) return type === 'File' || type === 'Directory'
  return parts.length === 1 && type === 'File' && [manifestName, archived.password, archived.secret].includes(path)
}

async function flush(file: string): Promise<void> {
  await using handle = await open(file)
  await handle.sync()
}
