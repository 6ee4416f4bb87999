/** The last changes of actors, numbered in the order in which this node has heard of them. */
import type { TenantId } from '../../core/ids.ts'
import type { ActorChange } from '../../core/ports/inspection.ts'
import type { RecordedChange } from './recorder.ts'
import { type Place, placeOf } from './watch-filter.ts'
import { createWatchIds, type WatchIds } from './watch-ids.ts'
import type { LocalChanges } from './watch-local.ts'

/** What has happened, without who: `atMs` is on the clock of the node where it has. */
export type Happening = Pick<RecordedChange, 'kind' | 'atMs' | 'event' | 'from' | 'to'>

export interface FeedEntry extends Happening {
  /** Counts from 1. */
  readonly seq: number
  readonly node: string
  readonly place: Place
}

type Follower = (entry: FeedEntry) => void

export interface Feed {
  /**
   * Tells every change from now on; the first follower starts the feed. Those of tasks come from the first follower that wants them
   * until the feed stops. Returns what ends it.
   */
  follow(follower: Follower, wantsTasks: boolean): () => void
  /** Tells followers what has happened on another node; nothing while nobody follows. */
  add(node: string, place: Place, happening: Happening): void
  /** Of the last change; 0 before the first. */
  lastSeq(): number
  /** What the numbers of this feed are called outside, by those who watch this tenant, or all; good until the feed starts anew. */
  idsOf(tenantId: TenantId | undefined): WatchIds
  /** True when everything after it is there. */
  remembers(seq: number): boolean
  after(seq: number): readonly FeedEntry[]
  close(): void
}

const remembered = 2_000

/** Remembers for `lingerMs` after its last follower has gone, so that one who was cut off goes on where it was. */
export function createFeed(options: { readonly local: LocalChanges; readonly node: string; readonly lingerMs: number }): Feed {
  const { local, node, lingerMs } = options
  const followers = new Set<Follower>()
  let idsOf = createWatchIds()
  let last = 0
  let hasTasks = false
  let kept: FeedEntry[] = []
  let stopListening: (() => void) | undefined
  let lingering: NodeJS.Timeout | undefined

  function add(where: string, place: Place, { kind, atMs, event, from, to }: Happening): void {
    if (!stopListening) return
    last += 1
    // Not the recorder's own change: that would hold an actor that has ended.
    const entry = { seq: last, node: where, place, kind, atMs, event, from, to }
    kept.push(entry)
    // Cut in large pieces: moving the rest down costs more than a change may.
    if (kept.length >= 2 * remembered) kept = kept.slice(-remembered)
    for (const follower of followers) follower(entry)
  }

  function stop(): void {
    clearTimeout(lingering)
    stopListening?.()
    stopListening = undefined
    kept = []
    last = 0
    hasTasks = false
    idsOf = createWatchIds()
  }

  return {
    follow(follower, wantsTasks) {
      clearTimeout(lingering)
      followers.add(follower)
      hasTasks ||= wantsTasks
      stopListening ??= local.listen(
        (change) => add(node, placeOf(change.ref), change),
        () => hasTasks,
      )
      return () => {
        if (!followers.delete(follower) || followers.size > 0 || !stopListening) return
        lingering = setTimeout(stop, lingerMs).unref()
      }
    },

    add,
    lastSeq: () => last,
    idsOf: (tenantId) => idsOf(tenantId),
    remembers: (seq) => seq >= last - Math.min(kept.length, remembered),
    after: (seq) => (seq >= last ? [] : kept.slice(seq - last)),
    close: stop,
  }
}

export const toActorChange = ({ node, place, kind, atMs, event, from, to }: FeedEntry): ActorChange => ({
  kind,
  at: new Date(atMs),
  node,
  actorId: place.id,
  actorKind: place.kind,
  tenantId: place.tenantId,
  event,
  from,
  to,
})
