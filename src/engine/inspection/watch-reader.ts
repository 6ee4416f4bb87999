/** One watcher: what it is told one by one, what is summed up for it, and what waits until it reads. */
import type { WatchFilter, WatchItem, WatchSummary } from '../../core/ports/inspection.ts'
import { type FeedEntry, toActorChange } from './feed.ts'
import { isWanted } from './watch-filter.ts'
import { createTally, type Tally } from './watch-tally.ts'

export interface ReaderOptions {
  readonly filter: WatchFilter
  /** One by one, in `sampleMs`. */
  readonly maxPerSample: number
  readonly sampleMs: number
  /** What the watcher missed, to be given before anything else; it has been filtered. */
  readonly missed: readonly FeedEntry[]
  /** The number that the watcher's next item comes after. */
  readonly afterSeq: number
  readonly idOf: (seq: number) => string
  /** A clock that only goes forward, in milliseconds. */
  readonly nowMs: () => number
}

export interface Reader {
  /** For every change, in order. */
  offer(entry: FeedEntry): void
  /** Changes that match the filter and were not told one by one. */
  count(counts: WatchSummary['counts']): void
  /** Something that would have matched is lost. */
  lose(): void
  /** What waits is dropped. */
  end(): void
  /** To be read once. */
  items(): AsyncGenerator<WatchItem, void, undefined>
}

/** Of those who do not read: the rest is summed up. */
const maxWaiting = 1_000
const maxCounts = 50

/**
 * While there is something summed up, everything is: so nothing overtakes a summary, and its id stands for all that came before.
 * Each id that is given is no less than the one before it.
 */
export function createReader({ filter, maxPerSample, sampleMs, missed, afterSeq, idOf, nowMs }: ReaderOptions): Reader {
  const waiting = [...missed]
  const limit = waiting.length + maxWaiting
  let givenSeq = afterSeq
  let isLossy = false
  let told = 0
  let sampleEndsMs = Number.NEGATIVE_INFINITY
  let summing: { readonly tally: Tally; readonly from: Date; readonly timer: NodeJS.Timeout; isDue: boolean } | undefined
  let summedSeq = 0
  let ended = false
  let wake = (): void => {}

  function startSumming(leftMs: number): Tally {
    const timer = setTimeout(() => {
      if (summing) summing.isDue = true
      wake()
    }, leftMs).unref()
    summing = { tally: createTally(), from: new Date(), timer, isDue: false }
    return summing.tally
  }

  /** The tally that a change belongs to; undefined when it may be told by itself. */
  function tallyAt(now: number): Tally | undefined {
    if (summing) return summing.tally
    if (now >= sampleEndsMs) {
      sampleEndsMs = now + sampleMs
      told = 0
    }
    if (told < maxPerSample && waiting.length < limit) return undefined
    return startSumming(sampleEndsMs - now)
  }

  function take(): WatchItem | undefined {
    if (isLossy) {
      isLossy = false
      return { type: 'gap', id: idOf(givenSeq) }
    }
    const entry = waiting.shift()
    if (entry) {
      givenSeq = entry.seq
      return { type: 'change', id: idOf(entry.seq), change: toActorChange(entry) }
    }
    if (!summing?.isDue) return undefined
    const { tally, from } = summing
    summing = undefined
    sampleEndsMs = Number.NEGATIVE_INFINITY
    givenSeq = Math.max(givenSeq, summedSeq)
    return {
      type: 'summary',
      id: idOf(givenSeq),
      summary: { from, to: new Date(), total: tally.total, counts: tally.counts(maxCounts) },
    }
  }

  return {
    offer(entry) {
      if (!isWanted(filter, entry.place)) return
      const tally = tallyAt(nowMs())
      if (tally) {
        tally.add(entry.place.kind, entry.from, entry.to)
        summedSeq = entry.seq
        return
      }
      told += 1
      waiting.push(entry)
      wake()
    },

    count(counts) {
      if (ended || counts.length === 0) return
      const tally = summing?.tally ?? startSumming(sampleMs)
      for (const { actorKind, from, to, count } of counts) tally.add(actorKind, from, to, count)
    },

    lose() {
      isLossy = true
      wake()
    },

    end() {
      ended = true
      clearTimeout(summing?.timer)
      waiting.length = 0
      wake()
    },

    async *items() {
      while (!ended) {
        const item = take()
        if (item) yield item
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    },
  }
}
