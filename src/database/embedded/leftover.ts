/** How a server that nobody owns any more is ended, so that the next one can have its directory. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../../core/errors.ts'
import { findServersIn, readPostmasterPid } from './processes.ts'

const steps = [
  // Fast shutdown. Harmless when the server is already on its way down.
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 3_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const

/**
 * Ends every PostgreSQL process that works in the directory and removes a stale `postmaster.pid`.
 * The caller holds the data directory's lock, so nobody else wants these processes.
 *
 * Errors: `embedded.failed` when a process survives SIGKILL for 5 s or may not be signalled.
 */
export async function endServersIn(clusterDir: string): Promise<void> {
  const postmaster = await readPostmasterPid(clusterDir)
  for (const { signal, waitMs } of steps) {
    const pids = await findServersIn(clusterDir)
    const isLed = postmaster !== undefined && pids.includes(postmaster)
    if (pids.length === 0) break
    // Children end with their server; without one, only SIGKILL means "end" to them.
    if (signal !== 'SIGKILL' && !isLed) continue
    for (const pid of signal === 'SIGKILL' ? pids : [postmaster ?? 0]) sendSignal(pid, signal, clusterDir)
    if (await isEmptyWithin(clusterDir, waitMs)) break
  }
  const survivors = await findServersIn(clusterDir)
  if (survivors.length > 0) {
    throw new AppError('embedded.failed', `PostgreSQL processes ${survivors.join(', ')} in ${clusterDir} do not end`)
  }
  // The pid in it may be another program's by now, which the new server would take for a living predecessor.
  await rm(join(clusterDir, 'postmaster.pid'), { force: true })
}

function sendSignal(pid: number, signal: NodeJS.Signals, clusterDir: string): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return
    throw new AppError('embedded.failed', `PostgreSQL process ${pid} in ${clusterDir} may not be stopped by this user`, { cause: error })
  }
}

async function isEmptyWithin(clusterDir: string, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs
  while (performance.now() < deadline) {
    if ((await findServersIn(clusterDir)).length === 0) return true
    await delay(20)
  }
  return false
}
