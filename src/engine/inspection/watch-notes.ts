/** What nodes tell each other of a watch, as JSON. Nodes of another version may tell something else: that is not understood. */
import type { WatchFilter, WatchSummary } from '../../core/ports/inspection.ts'
import type { FeedEntry, Happening } from './feed.ts'
import { isActorKind, isRecord, isTextOrNull } from './json-fields.ts'
import type { Place } from './watch-filter.ts'

/** "Tell me of these, for so long": it takes the place of what was asked before; with no filters it ends it. */
export interface WatchNote {
  readonly filters: readonly { readonly filter: WatchFilter; readonly perSecond: number }[]
  readonly forMs: number
}

export interface WatchedChange extends Happening {
  readonly place: Place
}

export interface WatchedNote {
  /** Counts from 1 with each asking that is not a renewal: whoever misses one has lost something. */
  readonly batch: number
  readonly changes: readonly WatchedChange[]
  /** What was too much for `changes`, by the key of the filter that wants it. */
  readonly rest: readonly { readonly key: string; readonly counts: WatchSummary['counts'] }[]
}

const maxFilters = 500

/** undefined for what is no such note. */
export function readWatchNote(news: unknown): WatchNote | undefined {
  if (!isRecord(news) || !Array.isArray(news.filters) || typeof news.forMs !== 'number' || !(news.forMs >= 0)) return undefined
  const filters = news.filters.slice(0, maxFilters).flatMap((given: unknown) => {
    if (!isRecord(given) || !isRecord(given.filter) || typeof given.perSecond !== 'number') return []
    const { tenantId, actorId, actorKind } = given.filter
    if (![tenantId, actorId, actorKind].every((field) => field === undefined || typeof field === 'string')) return []
    return [{ filter: { tenantId, actorId, actorKind } as WatchFilter, perSecond: given.perSecond }]
  })
  return { filters, forMs: news.forMs }
}

/** undefined for what is no such note. */
export function readWatchedNote(news: unknown): WatchedNote | undefined {
  if (!isRecord(news) || typeof news.batch !== 'number') return undefined
  if (!Array.isArray(news.changes) || !Array.isArray(news.rest)) return undefined
  return {
    batch: news.batch,
    changes: news.changes.filter(isWatchedChange),
    rest: news.rest.flatMap((given: unknown) => {
      if (!isRecord(given) || typeof given.key !== 'string' || !Array.isArray(given.counts)) return []
      return [{ key: given.key, counts: given.counts.filter(isCountOfChanges) }]
    }),
  }
}

export const toWatchedChange = ({ place, kind, atMs, event, from, to }: Omit<FeedEntry, 'seq' | 'node'>): WatchedChange => ({
  place,
  kind,
  atMs,
  event,
  from,
  to,
})

function isWatchedChange(given: unknown): given is WatchedChange {
  if (!isRecord(given) || !isPlace(given.place)) return false
  const { kind, atMs, event } = given
  return typeof kind === 'string' && typeof atMs === 'number' && typeof event === 'string' && isMove(given)
}

function isPlace(given: unknown): given is Place {
  if (!isRecord(given) || typeof given.id !== 'string' || !isActorKind(given.kind)) return false
  return isTextOrNull(given.tenantId) && Array.isArray(given.above) && given.above.every((id) => typeof id === 'string')
}

const isCountOfChanges = (given: unknown): given is WatchSummary['counts'][number] =>
  isRecord(given) && isActorKind(given.actorKind) && Number.isSafeInteger(given.count) && isMove(given)

const isMove = ({ from, to }: Readonly<Record<string, unknown>>): boolean => isTextOrNull(from) && typeof to === 'string'
