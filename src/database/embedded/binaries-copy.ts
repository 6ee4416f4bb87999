/** How the server's programs are copied to where an unprivileged account can run them, without trusting anybody but root. */
import { randomUUID } from 'node:crypto'
import { chmod, copyFile, lstat, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeLinks, type NativeTree } from './binaries.ts'

/**
 * Copies the programs to `<cacheDir>/postgres-<version>` once, and answers that directory.
 *
 * Atomic: a copy appears whole or not at all; of two processes that copy at once, one wins and both use its copy.
 * Errors: rejects when the directory cannot be written, or is owned or writable by anyone but us.
 */
export async function copyToCache(tree: NativeTree, cacheDir: string): Promise<string> {
  const target = join(cacheDir, `postgres-${tree.version}`)
  await mkdir(cacheDir, { recursive: true, mode: 0o755 })
  await refuseUntrusted(cacheDir)
  if (await exists(target)) return refuseUntrusted(target)

  await chmod(cacheDir, 0o755)
  const draft = `${target}.tmp-${randomUUID()}`
  try {
    await copyTree(tree, draft)
    await rename(draft, target)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (!(await exists(target))) throw error
  }
  return refuseUntrusted(target)
}

/** Copies the programs to a new directory of ours under the system's temporary directory. */
export async function copyToTemporary(tree: NativeTree): Promise<{ root: string; release(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'tenantry-postgres-'))
  const release = () => rm(root, { recursive: true, force: true })
  try {
    await copyTree(tree, root)
    return { root, release }
  } catch (error) {
    await release()
    throw error
  }
}

async function copyTree(tree: NativeTree, target: string): Promise<void> {
  const entries = await readdir(tree.root, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.a'))
    .map((entry) => join(entry.parentPath, entry.name).slice(tree.root.length + 1))
  for (const directory of new Set(['.', ...files.flatMap(ancestors)])) {
    await mkdir(join(target, directory), { recursive: true })
    // Set apart from mkdir: the mode must not depend on our umask.
    await chmod(join(target, directory), 0o755)
  }
  for (const file of files) {
    await copyFile(join(tree.root, file), join(target, file))
    await chmod(join(target, file), file.startsWith('bin/') ? 0o755 : 0o644)
  }
  await makeLinks({ ...tree, root: target })
}

// Outermost first, so that each directory gets its mode before the ones below it are made.
function ancestors(file: string): string[] {
  const directory = dirname(file)
  return directory === '.' ? [] : [...ancestors(directory), directory]
}

async function refuseUntrusted(directory: string): Promise<string> {
  const facts = await lstat(directory)
  const trusted = facts.isDirectory() && facts.uid === process.getuid?.() && (facts.mode & 0o022) === 0
  if (!trusted) throw new Error(`${directory} can be written by others`)
  return directory
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
