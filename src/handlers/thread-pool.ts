/** The threads of a node in which isolated handlers run: made when the first is needed, ended when they rest or the node stops. */
import { extname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import type { Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { Outcome } from '../core/outcome.ts'
import { stopped } from './failed-run.ts'
import { createMemoryWatch, type MemoryWatch } from './memory-watch.ts'
import type { LeftBehind, RunMessage } from './thread-messages.ts'
import { createThreadTurns } from './thread-turns.ts'

export interface ThreadPoolOptions {
  readonly maxThreads: number
  /** What a thread may hold, in MiB. */
  readonly memoryMb: number
  /** An error of a run that has already answered, with its message; or of an idle thread, without one. */
  readonly onLeftBehind: (reason: string, of?: RunMessage) => void
}

export interface ThreadPool {
  readonly memoryMb: number
  /** Calls `work` when a thread is free for it; `stopped` once the pool is closed. */
  use(tenantId: string, work: (threads: Threads) => Promise<Outcome>): Promise<Outcome>
  /** Ends every thread, whatever it does. Tolerates twice and never started. */
  close(): Promise<void>
}

/** The pool as one run sees it. */
export interface Threads {
  readonly pool: Piscina
  readonly memoryWatch: MemoryWatch
  find(threadId: number): Worker | undefined
}

const idleTimeoutMs = 60_000
const closeLimitMs = 2_000
/** Between our limit and V8's, at which the process may end: what a handler can allocate between two looks. */
const reserveMb = 1_024

export function createThreadPool({ maxThreads, memoryMb, onLeftBehind }: ThreadPoolOptions): ThreadPool {
  // The pool's own queue stays empty but for the start of a thread: a task in it would be stuck when the last thread is ended.
  const turns = createThreadTurns(maxThreads)
  let threads: Threads | undefined
  let closed = false

  const open = (): Threads => {
    // With it, V8 leaves the check for termination out of some endless loops, and nothing can end them.
    setFlagsFromString('--no-turboshaft-loop-unrolling')
    const pool = new Piscina({
      filename: new URL(`./thread${extname(import.meta.filename)}`, import.meta.url).href,
      name: 'runTask',
      minThreads: 0,
      maxThreads,
      // One message to a thread: ending it costs no other.
      concurrentTasksPerWorker: 1,
      idleTimeout: idleTimeoutMs,
      // Between tasks a thread goes on with its event loop: connections that handlers keep are theirs to keep.
      atomics: 'disabled',
      resourceLimits: { maxOldGenerationSizeMb: memoryMb + reserveMb },
      recordTiming: false,
    })
    pool.on('error', (error: Error) => onLeftBehind(error.message))
    pool.on('message', ({ leftBehind, of }: LeftBehind) => onLeftBehind(leftBehind, of))
    return {
      pool,
      memoryWatch: createMemoryWatch(memoryMb),
      find: (threadId) => pool.threads.find((worker) => worker.threadId === threadId),
    }
  }

  return {
    memoryMb,
    use: (tenantId, work) =>
      turns.take(tenantId, async () => {
        if (closed) return stopped
        threads ??= open()
        return work(threads)
      }),
    async close() {
      closed = true
      // A thread inside a synchronous call of the system ends when that returns.
      await Promise.race([threads?.pool.destroy(), delay(closeLimitMs, undefined, { ref: false })])
    },
  }
}
