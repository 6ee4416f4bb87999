/** Which processes are alive: the one behind a pid, and the PostgreSQL ones that work in a directory. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** True where /proc describes processes (Linux); elsewhere `ps` is asked. */
export const hasProc = existsSync('/proc/self/stat')

/**
 * When the process with this pid started, as an opaque text: the same pid with another text is another process.
 * Undefined when no such process runs; a zombie does not run.
 */
export async function readStartOf(pid: number): Promise<string | undefined> {
  if (!hasProc) return readPs(pid, 'lstart=')
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field is the program's name in brackets and may hold blanks, so fields count from behind it.
  const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ')
  const state = fields?.[0]
  return state === 'Z' || state === 'X' ? undefined : fields?.[19]
}

/** The pid that the server wrote into its directory; it may be long gone or another program's by now. */
export async function readPostmasterPid(clusterDir: string): Promise<number | undefined> {
  const text = await readFile(join(clusterDir, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number.parseInt(text, 10)
  return pid > 0 ? pid : undefined
}

/** The pids of all PostgreSQL programs (server, its children, initdb) that work in the directory. */
export async function findServersIn(directory: string): Promise<readonly number[]> {
  if (hasProc) return findByWorkingDirectory(directory)
  const pid = await readPostmasterPid(directory)
  if (pid === undefined) return []
  const program = await readPs(pid, 'comm=')
  return program !== undefined && isServerProgram(basename(program)) ? [pid] : []
}

async function findByWorkingDirectory(directory: string): Promise<readonly number[]> {
  const wanted = await stat(directory, { bigint: true }).catch(() => undefined)
  if (wanted === undefined) return []
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const program = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
      if (!isServerProgram(program.trim())) return undefined
      // Compared by identity: the path may be one that the server cannot name.
      const at = await stat(`/proc/${pid}/cwd`, { bigint: true }).catch(() => undefined)
      return at?.dev === wanted.dev && at.ino === wanted.ino ? pid : undefined
    }),
  )
  return found.filter((pid) => pid !== undefined)
}

function isServerProgram(name: string): boolean {
  return name === 'postgres' || name === 'initdb'
}

async function readPs(pid: number, column: string): Promise<string | undefined> {
  const answer = await execute('ps', ['-o', column, '-p', String(pid)], { timeout: 5_000 }).catch(() => undefined)
  return answer?.stdout.trim() || undefined
}
