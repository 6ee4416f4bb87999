/** The actors of this node, walked as they are when somebody asks: no list of them is kept, so none can be out of date. */
import type { AnyActorRef } from 'xstate'
import { supervisorIdOf, toTenantId } from '../../../actors/index.ts'
import type { TenantId } from '../../core/ids.ts'
import type { ActorDetail, ActorEntry, ActorPosition, ActorQuery } from '../../core/ports/inspection.ts'
import { toDetail } from './actor-detail.ts'
import { type EntrySource, toEntry } from './actor-entry.ts'
import { kindOf, nameOf, tenantIdOf } from './actor-ids.ts'
import { stateOf } from './state-of.ts'
import { childrenOf, listChildren, type Position, positionOf, walk } from './tree-walk.ts'

/** With its path, by which the pages of several nodes are put together. */
export interface LocalEntry extends ActorEntry {
  readonly path: string
}

export interface LocalPage {
  /** In the order of their paths. */
  readonly actors: readonly LocalEntry[]
  readonly next: ActorPosition | undefined
}

export interface LocalActors {
  /** Lets others work in between: a search through ten thousand tenants must not keep their messages waiting. */
  list(query: ActorQuery): Promise<LocalPage>
  find(id: string): ActorDetail | undefined
  refOf(id: string): AnyActorRef | undefined
}

export interface LocalActorsOptions extends EntrySource {
  readonly root: () => AnyActorRef
}

/** So many actors are looked at in one go: one or two milliseconds. */
const strideLength = 500

/** Errors: none; total. */
export function createLocalActors({ root, ...source }: LocalActorsOptions): LocalActors {
  const { node } = source
  const refOf = (id: string): AnyActorRef | undefined => findRef(root(), id)

  return {
    async list(query) {
      const found: LocalEntry[] = []
      if (query.node !== undefined && query.node !== node) return { actors: [], next: undefined }
      let seen = 0
      for (const position of candidates(root(), query)) {
        if (++seen % strideLength === 0) await othersFirst()
        if (isAfter(position.path, node, query.after) && matches(position.ref, query)) {
          found.push({ ...toEntry(position.ref, source), path: position.path })
        }
        if (found.length > query.limit) break
      }
      const actors = found.slice(0, query.limit)
      const last = found.length > query.limit ? actors.at(-1) : undefined
      return { actors, next: last && { path: last.path, node } }
    },
    find(id) {
      const ref = refOf(id)
      return ref && toDetail(ref, source)
    },
    refOf,
  }
}

/** The least that must be looked at, in order. */
function candidates(root: AnyActorRef, { parent, tenantId, after }: ActorQuery): Iterable<Position> {
  if (parent !== undefined) {
    const ref = findRef(root, parent)
    return ref ? childrenOf(positionOf(ref)) : []
  }
  const top = tenantId === undefined ? root : findTenant(root, tenantId)
  return top ? walk(positionOf(top), after?.path) : []
}

function matches(ref: AnyActorRef, { kind, state, parent, tenantId }: ActorQuery): boolean {
  const own = kindOf(ref)
  if (kind !== undefined && own !== kind) return false
  // Below a tenant everything is its own; the children of any other actor are looked at one by one.
  if (parent !== undefined && tenantId !== undefined && tenantIdOf(ref) !== tenantId) return false
  return state === undefined || stateOf(ref.getSnapshot(), own) === state
}

function isAfter(path: string, node: string, after: ActorPosition | undefined): boolean {
  if (!after || path > after.path) return true
  return path === after.path && node > after.node
}

function findRef(root: AnyActorRef, id: string): AnyActorRef | undefined {
  const [first = '', ...rest] = id.split('.')
  let ref = first === nameOf(root) ? root : first.startsWith('tenant:') ? findTenant(root, toTenantId(first)) : childOf(root, first)
  for (const name of rest) ref = ref && childOf(ref, name)
  return ref
}

/** Straight to the shard: no other tenant is looked at. */
function findTenant(root: AnyActorRef, tenantId: TenantId): AnyActorRef | undefined {
  const supervisor = childOf(root, supervisorIdOf(tenantId))
  return supervisor && childOf(supervisor, `tenant:${tenantId}`)
}

const childOf = (ref: AnyActorRef, name: string): AnyActorRef | undefined => listChildren(ref).find((child) => nameOf(child) === name)

const othersFirst = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
