/** Looks at what busy threads hold, and says when one holds too much. */
import type { Worker } from 'node:worker_threads'

export interface MemoryWatch {
  /** Calls `onExceeded` at most once, until the returned function is called. */
  add(worker: Worker, onExceeded: () => void): () => void
}

const lookEveryMs = 50

/**
 * V8's own limit does not do: at an allocation that is larger than its reserve, such as a growing array, it ends the whole
 * process. Nor does it count buffers.
 *
 * Units:  `limitMb` is of the heap, garbage included, and the buffers together.
 * Source: docs/adr/0011-handler-isolation.md
 */
export function createMemoryWatch(limitMb: number): MemoryWatch {
  const watched = new Map<Worker, () => void>()
  const looking = new Set<Worker>()
  let timer: NodeJS.Timeout | undefined

  const look = async (worker: Worker): Promise<void> => {
    // A thread in a long call of native code answers late.
    if (looking.has(worker)) return
    looking.add(worker)
    try {
      const { used_heap_size, external_memory } = await worker.getHeapStatistics()
      if ((used_heap_size + external_memory) / 1_048_576 > limitMb) watched.get(worker)?.()
    } catch {
      // It has just ended: its run is told by the pool.
    } finally {
      looking.delete(worker)
    }
  }

  return {
    add(worker, onExceeded) {
      watched.set(worker, onExceeded)
      timer ??= setInterval(() => {
        for (const busy of watched.keys()) void look(busy)
      }, lookEveryMs)
      return () => {
        if (watched.get(worker) === onExceeded) watched.delete(worker)
        if (watched.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
