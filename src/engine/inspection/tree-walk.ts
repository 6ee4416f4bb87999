/** The way through the tree of actors: where each one stands, in which order, and how to begin in the middle. */
import type { AnyActorRef } from 'xstate'
import { nameOf, parentOf } from './actor-ids.ts'

export interface Position {
  readonly ref: AnyActorRef
  /** As ActorPosition has it: paths, compared as texts, stand in the tree's order. */
  readonly path: string
}

/** Before every character of a name, so that all that is below an actor comes before its next sibling. */
const separator = ' '

/** `supervisor:9` before `supervisor:10`. */
const toKey = (name: string): string => name.replace(/:(\d+)$/, (_, digits: string) => `:${digits.padStart(6, '0')}`)

export function positionOf(ref: AnyActorRef): Position {
  const parent = parentOf(ref)
  return { ref, path: parent ? `${positionOf(parent).path}${separator}${toKey(nameOf(ref))}` : toKey(nameOf(ref)) }
}

/** In order. Errors: none; total. */
export function childrenOf({ ref, path }: Position): readonly Position[] {
  const refs = listChildren(ref)
  const positions = refs.map((child) => ({ ref: child, path: `${path}${separator}${toKey(nameOf(child))}` }))
  return positions.sort((a, b) => (a.path < b.path ? -1 : 1))
}

export function listChildren(ref: AnyActorRef): readonly AnyActorRef[] {
  const snapshot: unknown = ref.getSnapshot()
  const children: unknown = typeof snapshot === 'object' && snapshot !== null && 'children' in snapshot ? snapshot.children : undefined
  if (typeof children !== 'object' || children === null) return []
  return Object.values(children).filter((child: AnyActorRef | undefined) => child !== undefined)
}

/** The actor and all that is below it, from the path `after` on; what is wholly before that is not looked at. */
export function* walk(position: Position, after: string | undefined): Generator<Position> {
  if (after === undefined || position.path >= after) yield position
  for (const child of childrenOf(position)) if (reaches(child, after)) yield* walk(child, after)
}

const reaches = ({ path }: Position, after: string | undefined): boolean =>
  after === undefined || path >= after || after.startsWith(`${path}${separator}`)
