/** Lets any number of watchers see what happens to actors, on this node and on every other; costs nothing while there are none. */
import type { WatchFilter, WatchItem, WatchOptions } from '../../core/ports/inspection.ts'
import type { Peers } from '../../core/ports/peers.ts'
import { createFeed } from './feed.ts'
import type { Recorder } from './recorder.ts'
import { createElsewhere } from './watch-elsewhere.ts'
import { isWanted, keyOf, mayWantTasks } from './watch-filter.ts'
import { tellOthers } from './watch-here.ts'
import { createLocalChanges } from './watch-local.ts'
import { createReader, type Reader } from './watch-reader.ts'

export interface WatchesOptions {
  readonly recorder: Pick<Recorder, 'listen'>
  readonly peers: Pick<Peers, 'tell' | 'hear' | 'others'>
  readonly node: string
  /** A clock that only goes forward. */
  readonly nowMs?: () => number
  readonly timing?: Partial<WatchTiming>
}

/** In milliseconds. */
export interface WatchTiming {
  /** How long changes are remembered after the last watcher has gone. */
  readonly linger: number
  /** What a second of `maxPerSecond` is. */
  readonly sample: number
  /** How often other nodes are told what they are told, asked anew, and how long they tell when they are not. */
  readonly tick: number
  readonly renew: number
  readonly lease: number
}

export interface Watches {
  /** From this moment on. The signal ends it, whether it is read or not. */
  watch(filter: WatchFilter, options: WatchOptions): AsyncIterable<WatchItem>
  /** Ends every watch. Tolerates twice. */
  close(): void
}

const defaultTiming: WatchTiming = { linger: 60_000, sample: 1_000, tick: 200, renew: 10_000, lease: 30_000 }

/**
 * Items come in the order in which this node hears of the changes, each change that matches once: by itself, or counted in one
 * summary. After the id of any item come all those that followed it, while they are remembered: 2,000 of this node's watchers
 * together. What other nodes tell is checked against the watcher's filter here, too.
 */
export function createWatches({ recorder, peers, node, nowMs = () => performance.now(), timing }: WatchesOptions): Watches {
  const { linger: lingerMs, sample: sampleMs, tick: tickMs, renew: renewMs, lease: leaseMs } = { ...defaultTiming, ...timing }
  const readers = new Map<Reader, { readonly key: string; readonly leave: () => void }>()
  const local = createLocalChanges(recorder)
  const feed = createFeed({ local, node, lingerMs })
  const stopTelling = tellOthers({ local, peers, tickMs })
  const elsewhere = createElsewhere({
    peers,
    lingerMs,
    renewMs,
    leaseMs,
    lastSeq: feed.lastSeq,
    onChange: (from, { place, ...happening }) => feed.add(from, place, happening),
    onCounts: (key, counts) => {
      for (const [reader, watcher] of readers) if (watcher.key === key) reader.count(counts)
    },
    onLoss: () => {
      for (const reader of readers.keys()) reader.lose()
    },
  })
  let closed = false

  /** The number to go on after; undefined when what followed the id is not known. */
  function resumeAt(filter: WatchFilter, seq: number | undefined): number | undefined {
    return seq !== undefined && feed.remembers(seq) && elsewhere.hasSince(filter, seq) ? seq : undefined
  }

  return {
    watch(filter, { after, maxPerSecond, signal }) {
      const ids = feed.idsOf(filter.tenantId)
      const resumedAt = after === undefined ? undefined : resumeAt(filter, ids.open(after))
      const afterSeq = resumedAt ?? feed.lastSeq()
      const missed = resumedAt === undefined ? [] : feed.after(resumedAt).filter(({ place }) => isWanted(filter, place))
      const reader = createReader({ filter, maxPerSample: maxPerSecond, sampleMs, missed, afterSeq, idOf: ids.seal, nowMs })
      if (after !== undefined && resumedAt === undefined) reader.lose()
      if (closed || signal.aborted) {
        reader.end()
        return reader.items()
      }

      const unfollow = feed.follow(reader.offer, mayWantTasks(filter))
      const unwant = elsewhere.want(filter, maxPerSecond)
      const leave = (): void => {
        if (!readers.delete(reader)) return
        signal.removeEventListener('abort', leave)
        unfollow()
        unwant()
        reader.end()
      }
      readers.set(reader, { key: keyOf(filter), leave })
      signal.addEventListener('abort', leave, { once: true })
      return readUntilLeft(reader, leave)
    },

    close() {
      closed = true
      for (const { leave } of readers.values()) leave()
      elsewhere.close()
      stopTelling()
      feed.close()
    },
  }
}

async function* readUntilLeft(reader: Reader, leave: () => void): AsyncGenerator<WatchItem, void, undefined> {
  try {
    yield* reader.items()
  } finally {
    leave()
  }
}
