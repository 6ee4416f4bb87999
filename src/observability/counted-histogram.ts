/** A histogram that counts in plain numbers; prom-client meets it only when it is read (metric-histogram-view.ts). */

/** The last value of a bucket that belonged to a trace. */
export interface CountedExemplar {
  readonly traceId: string
  readonly value: number
  readonly atMs: number
}

export interface CountedBucket {
  /** The upper bound; undefined for the last one, which has none. */
  readonly bound: number | undefined
  /** How many values were at most the bound. */
  readonly total: number
  readonly exemplar: CountedExemplar | undefined
}

export interface CountedHistogram {
  /** Upper bounds, rising. */
  readonly bounds: readonly number[]
  /** A handful of comparisons; allocates only for a value with a trace. Never throws: what is no finite number is left out. */
  count(value: number, traceId?: string): void
  read(): { readonly buckets: readonly CountedBucket[]; readonly sum: number; readonly total: number }
}

export function createCountedHistogram(bounds: readonly number[]): CountedHistogram {
  // One more for everything above the last bound.
  const counts = new Array<number>(bounds.length + 1).fill(0)
  const exemplars = new Array<CountedExemplar | undefined>(counts.length).fill(undefined)
  let sum = 0

  return {
    bounds,
    count(value, traceId) {
      if (!Number.isFinite(value)) return
      let index = 0
      while (index < bounds.length && value > (bounds[index] as number)) index++
      counts[index] = (counts[index] as number) + 1
      sum += value
      if (traceId !== undefined) exemplars[index] = { traceId, value, atMs: Date.now() }
    },
    read() {
      let total = 0
      const buckets = counts.map((count, index) => {
        total += count
        return { bound: bounds[index], total, exemplar: exemplars[index] }
      })
      return { buckets, sum, total }
    },
  }
}
