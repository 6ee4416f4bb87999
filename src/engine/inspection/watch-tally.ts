/** Counts changes that are too many to be told one by one. */
import type { ActorKind, WatchSummary } from '../../core/ports/inspection.ts'

type Count = WatchSummary['counts'][number]

export interface Tally {
  add(actorKind: ActorKind, from: string | null, to: string, times?: number): void
  readonly total: number
  /** The most frequent first. */
  counts(most: number): readonly Count[]
}

/** What is counted apart: machines have fewer kinds of change, and what a node tells of another version is no machine's. */
const maxCounts = 1_000

export function createTally(): Tally {
  // Found by one field and then along a short list: nothing is allocated for a change that has happened before.
  const byTo = new Map<string, { -readonly [Key in keyof Count]: Count[Key] }[]>()
  let kinds = 0
  let total = 0
  return {
    get total() {
      return total
    },

    add(actorKind, from, to, times = 1) {
      total += times
      let list = byTo.get(to)
      const known = list?.find((count) => count.actorKind === actorKind && count.from === from)
      if (known) {
        known.count += times
        return
      }
      if (kinds === maxCounts) return
      kinds += 1
      if (!list) {
        list = []
        byTo.set(to, list)
      }
      list.push({ actorKind, from, to, count: times })
    },

    counts: (most) =>
      [...byTo.values()]
        .flat()
        .sort((one, other) => other.count - one.count)
        .slice(0, most)
        .map((count) => ({ ...count })),
  }
}
