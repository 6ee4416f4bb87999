/** Tells other nodes the changes of this node's actors that somebody watches there. */
import type { WatchFilter } from '../../core/ports/inspection.ts'
import type { Peers } from '../../core/ports/peers.ts'
import type { RecordedChange } from './recorder.ts'
import { isWanted, keyOf, mayWantTasks, type Place, placeOf } from './watch-filter.ts'
import type { LocalChanges } from './watch-local.ts'
import { readWatchNote, toWatchedChange, type WatchedChange, type WatchedNote, type WatchNote } from './watch-notes.ts'
import { createTally, type Tally } from './watch-tally.ts'

export interface HereOptions {
  readonly local: LocalChanges
  readonly peers: Pick<Peers, 'tell' | 'hear'>
  readonly tickMs: number
}

/** One by one, in a tick: for one filter, and for all of a node together. */
const maxOfFilter = 200
const maxOfTick = 1_000
const maxCounts = 200

/** Returns what ends it. */
export function tellOthers({ local, peers, tickMs }: HereOptions): () => void {
  const asked = new Map<string, Telling>()
  const unhear = peers.hear('watch', (news, from) => {
    const note = readWatchNote(news)
    if (!note) return
    let telling = asked.get(from)
    if (!telling) {
      if (note.filters.length === 0) return
      telling = startTelling({
        local,
        tickMs,
        tell: (told) => peers.tell('watched', told, from),
        onEnd: () => asked.delete(from),
      })
      asked.set(from, telling)
    }
    telling.renew(note)
  })
  return () => {
    unhear()
    for (const telling of asked.values()) telling.end()
  }
}

interface Telling {
  renew(note: WatchNote): void
  end(): void
}

interface Wanted {
  readonly key: string
  readonly filter: WatchFilter
  readonly most: number
  told: number
  rest: Tally | undefined
}

interface TellingOptions {
  readonly local: LocalChanges
  readonly tickMs: number
  readonly tell: (told: WatchedNote) => void
  readonly onEnd: () => void
}

/** To one node, until it does not ask any more. */
function startTelling({ local, tickMs, tell, onEnd }: TellingOptions): Telling {
  let wanted: readonly Wanted[] = []
  let changes: WatchedChange[] = []
  let batch = 0
  let tick: NodeJS.Timeout | undefined
  let lease: NodeJS.Timeout | undefined

  const hear = (change: RecordedChange): void => {
    const place = placeOf(change.ref)
    const matching = wanted.filter(({ filter }) => isWanted(filter, place))
    if (matching.length === 0) return
    tick ??= setTimeout(flush, tickMs).unref()
    take(change, place, matching)
  }
  const stopListening = local.listen(hear, () => wanted.some(({ filter }) => mayWantTasks(filter)))

  /** By itself when a filter that wants it may have more; otherwise it counts for each of them. */
  function take(change: RecordedChange, place: Place, matching: readonly Wanted[]): void {
    if (changes.length < maxOfTick && matching.some(({ told, most }) => told < most)) {
      for (const filter of matching) filter.told += 1
      changes.push(toWatchedChange({ ...change, place }))
      return
    }
    for (const filter of matching) {
      filter.rest ??= createTally()
      filter.rest.add(place.kind, change.from, change.to)
    }
  }

  function flush(): void {
    clearTimeout(tick)
    tick = undefined
    const rest = wanted.flatMap(({ key, rest: tally }) => (tally ? [{ key, counts: tally.counts(maxCounts) }] : []))
    for (const filter of wanted) {
      filter.told = 0
      filter.rest = undefined
    }
    if (changes.length === 0 && rest.length === 0) return
    const told = changes
    changes = []
    batch += 1
    tell({ batch, changes: told, rest })
  }

  function end(): void {
    clearTimeout(tick)
    clearTimeout(lease)
    stopListening()
    onEnd()
  }

  return {
    renew({ filters, forMs }) {
      flush()
      if (filters.length === 0) return end()
      wanted = filters.map(({ filter, perSecond }) => {
        return { key: keyOf(filter), filter, most: Math.min(perSecond, maxOfFilter), told: 0, rest: undefined }
      })
      clearTimeout(lease)
      lease = setTimeout(end, forMs).unref()
    },
    end,
  }
}
