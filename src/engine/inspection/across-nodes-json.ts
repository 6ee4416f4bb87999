/** What nodes ask and answer each other about actors, as it travels: nothing is believed that has another shape. */
import type { ActorDetail, ActorEntry, ActorPosition, ActorQuery, FlightDump, TransitionView } from '../../core/ports/inspection.ts'
import { machineOf } from './definitions.ts'
import { isTextOrNull, orNull, readAll, readDate, readKind, readTenant, readText, toFields } from './json-fields.ts'
import { readFlightDump } from './replay-file.ts'
import type { LocalEntry } from './tree.ts'

/** Without what every node knows by itself. */
export type ActorDetailOnNode = Omit<ActorDetail, 'definition'>

const maxLimit = 1_000

/** undefined for what is no query. */
export function readActorQuery(value: unknown): ActorQuery | undefined {
  const { tenantId, kind, state, parent, after, limit } = toFields(value)
  const query = {
    tenantId: optional(tenantId, readTenant),
    kind: optional(kind, readKind),
    state: optional(state, readText),
    parent: optional(parent, readText),
    after: optional(after, readPosition),
  }
  if (Object.values(query).includes(null) || !Number.isSafeInteger(limit) || Number(limit) < 1 || Number(limit) > maxLimit) return undefined
  return { ...(query as Omit<ActorQuery, 'limit'>), limit: Number(limit) }
}

/** A part of the tree of one node. */
export interface ActorsOnNode {
  readonly actors: readonly LocalEntry[]
  readonly hasMore: boolean
}

/** `node` is who answered, whatever the answer says. undefined for what is no answer. */
export function readActorsOnNode(value: unknown, node: string): ActorsOnNode | undefined {
  const { actors, hasMore } = toFields(value)
  const entries = readAll(actors, (item): LocalEntry | undefined => {
    const { path } = toFields(item)
    const entry = readActorEntry(item, node)
    return entry && typeof path === 'string' ? { ...entry, path } : undefined
  })
  return entries && typeof hasMore === 'boolean' ? { actors: entries, hasMore } : undefined
}

/** The same for one actor. */
export function readActorDetail(value: unknown, node: string): ActorDetail | undefined {
  const fields = toFields(value)
  const entry = readActorEntry(value, node)
  const transitions = readAll(fields.transitions, readTransition)
  const children = readAll(fields.children, (child) => readActorEntry(child, node))
  const allowedEvents = readAll(fields.allowedEvents, readText)
  if (!entry || !transitions || !children || !allowedEvents) return undefined
  const { value: state = null, context = null } = fields
  return { ...entry, value: state, context, allowedEvents, transitions, children, definition: machineOf(entry.kind) }
}

/** The same for a flight record. */
export function readDumpOnNode(value: unknown, node: string): FlightDump | undefined {
  const read = readFlightDump(value)
  return 'fault' in read ? undefined : { ...read, node }
}

function readActorEntry(value: unknown, node: string): ActorEntry | undefined {
  const { id, kind, state, parent, since, tenantId } = toFields(value)
  const [known, date, tenant] = [readKind(kind), readDate(since), orNull(tenantId, readTenant)]
  if (!known || !date || tenant === undefined || typeof id !== 'string' || typeof state !== 'string' || !isTextOrNull(parent))
    return undefined
  return { id, kind: known, state, parent, since: date, node, tenantId: tenant }
}

function readTransition(value: unknown): TransitionView | undefined {
  const { at, event, from, to } = toFields(value)
  const date = readDate(at)
  return date && typeof event === 'string' && isTextOrNull(from) && typeof to === 'string' ? { at: date, event, from, to } : undefined
}

function readPosition(value: unknown): ActorPosition | undefined {
  const { path, node } = toFields(value)
  return typeof path === 'string' && typeof node === 'string' ? { path, node } : undefined
}

/** undefined when it is not there, null when it is something else. */
const optional = <T>(value: unknown, read: (value: unknown) => T | undefined): T | null | undefined =>
  value === undefined ? undefined : (read(value) ?? null)
