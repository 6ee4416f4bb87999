/** Who owns a data directory: one process at a time, and nobody after a crash. */
import { randomUUID } from 'node:crypto'
import { chmod, link, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { AppError, errorText } from '../../core/errors.ts'
import { readStartOf } from './processes.ts'

export interface DataDirLock {
  /** Lets the next process in; tolerates twice. */
  release(): Promise<void>
}

interface Holder {
  readonly pid: number
  readonly start: string
}

/**
 * Takes the directory for this process, making it when it does not exist. A holder that died does not count.
 *
 * The lock is the file `tenantry.lock.<n>` with the highest n; only n + 1 can follow it, and only one process can create that.
 * So a stale lock is replaced by exactly one of several starters, and the numbers never fall back: release empties the file.
 *
 * Shape:  the file holds `{pid, start}` of its holder as JSON, or nothing after release.
 * Errors: `embedded.in_use` while another process (or this one) holds it; `embedded.failed` when the directory cannot be written.
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const directory = resolve(dataDir)
  const self: Holder = { pid: process.pid, start: (await readStartOf(process.pid)) ?? '' }
  const draft = join(directory, `tenantry.lock-${randomUUID()}`)
  try {
    await mkdir(directory, { recursive: true })
    await writeFile(draft, JSON.stringify(self), { flag: 'wx' })
    // Readable by whoever starts next, whatever our umask: a lock that cannot be read protects nothing.
    await chmod(draft, 0o644)
    return await acquire(directory, draft)
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('embedded.failed', `the data directory ${directory} cannot be written: ${errorText(error)}`, { cause: error })
  } finally {
    await rm(draft, { force: true }).catch(() => {})
  }
}

async function acquire(directory: string, draft: string): Promise<DataDirLock> {
  for (;;) {
    const last = await readHighest(directory)
    const holder = await readHolder(lockPath(directory, last))
    if (holder !== undefined) {
      throw new AppError('embedded.in_use', `the data directory ${directory} is in use by process ${holder.pid}`, {
        details: { directory, pid: holder.pid },
      })
    }
    // A link appears with its whole content, or fails because somebody else was first.
    const mine = lockPath(directory, last + 1)
    const isFirst = await link(draft, mine).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false
        throw error
      },
    )
    if (!isFirst) continue
    // Whoever looked too long ago made a number that is already history.
    if ((await readHighest(directory)) === last + 1) return held(directory, last + 1)
    await rm(mine, { force: true })
  }
}

async function held(directory: string, number: number): Promise<DataDirLock> {
  const numbers = await readNumbers(directory)
  for (const old of numbers.filter((each) => each < number)) await rm(lockPath(directory, old), { force: true })
  return {
    // A directory that was removed meanwhile needs no release.
    release: () => truncate(lockPath(directory, number)).catch(() => {}),
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const holder = parseHolder(text)
  return holder !== undefined && (await readStartOf(holder.pid)) === holder.start ? holder : undefined
}

// Anything but a whole record is a lock that was released, or was being written when the machine went down.
function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, start } = JSON.parse(text) as Partial<Holder>
    return typeof pid === 'number' && typeof start === 'string' ? { pid, start } : undefined
  } catch {
    return undefined
  }
}

async function readHighest(directory: string): Promise<number> {
  return Math.max(0, ...(await readNumbers(directory)))
}

async function readNumbers(directory: string): Promise<readonly number[]> {
  const names = await readdir(directory)
  return names
    .map((name) => /^tenantry\.lock\.(\d+)$/.exec(name)?.[1])
    .filter((text) => text !== undefined)
    .map(Number)
}

function lockPath(directory: string, number: number): string {
  return join(directory, `tenantry.lock.${number}`)
}
