/** Asks the other nodes for the changes that somebody watches here, and hears what they tell. */
import type { WatchFilter, WatchSummary } from '../../core/ports/inspection.ts'
import type { Peers } from '../../core/ports/peers.ts'
import { covers, keyOf } from './watch-filter.ts'
import { readWatchedNote, type WatchedChange, type WatchNote } from './watch-notes.ts'

export interface ElsewhereOptions {
  readonly peers: Pick<Peers, 'tell' | 'hear' | 'others'>
  /** How long a filter is asked for after its last watcher has gone. */
  readonly lingerMs: number
  readonly renewMs: number
  /** How long a node tells unless it is asked again. */
  readonly leaseMs: number
  /** The number of the last change that this node knows of. */
  readonly lastSeq: () => number
  readonly onChange: (node: string, change: WatchedChange) => void
  /** For those with the filter of this key. */
  readonly onCounts: (key: string, counts: WatchSummary['counts']) => void
  /** A node has told something that has not come, or has gone: nobody knows what it has not told. */
  readonly onLoss: () => void
}

export interface Elsewhere {
  /** Asks for what matches. Returns what ends it. */
  want(filter: WatchFilter, perSecond: number): () => void
  /**
   * True when all that matches has been asked for, and told one by one, since before the change `seq`. What others ask for does not
   * count for those who watch one tenant: whether they do is not theirs to know.
   */
  hasSince(filter: WatchFilter, seq: number): boolean
  close(): void
}

interface Wanted {
  readonly filter: WatchFilter
  sinceSeq: number
  perSecond: number
  watchers: number
  untilMs: number
}

/** Clients may come with ever other filters. */
const maxWanted = 200

export function createElsewhere(options: ElsewhereOptions): Elsewhere {
  const { peers, lingerMs, renewMs, leaseMs, lastSeq, onChange, onCounts, onLoss } = options
  const wanted = new Map<string, Wanted>()
  const batches = new Map<string, number>()
  let others: readonly string[] = []
  let renewing: NodeJS.Timeout | undefined
  let asking: NodeJS.Immediate | undefined

  const unhear = peers.hear('watched', (news, from) => {
    const note = readWatchedNote(news)
    if (!note || wanted.size === 0) return
    const before = batches.get(from)
    if (before !== undefined && note.batch !== before + 1) noteLoss()
    batches.set(from, note.batch)
    for (const change of note.changes) onChange(from, change)
    for (const { key, counts } of note.rest) {
      const entry = wanted.get(key)
      if (entry) forget(entry)
      onCounts(key, counts)
    }
  })

  function noteLoss(): void {
    for (const entry of wanted.values()) forget(entry)
    onLoss()
  }

  async function noteGone(): Promise<void> {
    // A node that stops asks nothing more of its database.
    if (wanted.size === 0) return
    const living = await peers.others()
    if (wanted.size === 0) return
    const gone = others.filter((node) => !living.includes(node))
    others = living
    for (const node of gone) batches.delete(node)
    if (gone.length > 0) noteLoss()
  }

  /** What has come until now does not tell all: whoever has seen the last of it has not seen what is missing. */
  function forget(entry: Wanted): void {
    entry.sinceSeq = lastSeq() + 1
  }

  function ask(): void {
    const filters = [...wanted.values()].map(({ filter, perSecond }) => ({ filter, perSecond }))
    peers.tell('watch', { filters, forMs: leaseMs } satisfies WatchNote)
    void noteGone()
  }

  /** Many that come at once are one question. */
  function askSoon(): void {
    asking ??= setImmediate(() => {
      asking = undefined
      ask()
    })
  }

  function dropUnwanted(): void {
    const now = performance.now()
    for (const [key, { watchers, untilMs }] of wanted) if (watchers === 0 && untilMs <= now) wanted.delete(key)
  }

  function renew(): void {
    dropUnwanted()
    ask()
    if (wanted.size === 0) stop()
  }

  function stop(): void {
    clearInterval(renewing)
    clearImmediate(asking)
    renewing = undefined
    asking = undefined
    batches.clear()
    others = []
  }

  function dropOldest(): void {
    for (const [key, { watchers }] of wanted) {
      if (wanted.size < maxWanted) return
      if (watchers === 0) wanted.delete(key)
    }
  }

  return {
    want(filter, perSecond) {
      dropUnwanted()
      const key = keyOf(filter)
      const known = wanted.get(key)
      if (!known) dropOldest()
      const entry = known ?? { filter, sinceSeq: lastSeq(), perSecond: 0, watchers: 0, untilMs: 0 }
      wanted.set(key, entry)
      if (!known || perSecond > entry.perSecond) askSoon()
      entry.perSecond = Math.max(entry.perSecond, perSecond)
      entry.watchers += 1
      renewing ??= setInterval(renew, renewMs).unref()
      let isWanted = true
      return () => {
        if (!isWanted) return
        isWanted = false
        entry.watchers -= 1
        entry.untilMs = performance.now() + lingerMs
      }
    },

    hasSince(filter, seq) {
      dropUnwanted()
      return [...wanted.values()].some(
        (entry) => entry.sinceSeq <= seq && entry.filter.tenantId === filter.tenantId && covers(entry.filter, filter),
      )
    },

    close() {
      unhear()
      if (wanted.size === 0) return
      wanted.clear()
      ask()
      stop()
    },
  }
}
