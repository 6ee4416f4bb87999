/** What Stately’s inspector is shown of an event of XState. */
import type { createInspector } from '@statelyai/inspect'
import { toPlainJson } from '../core/plain-json.ts'

/** What createActor's `inspect` is given. */
export type Inspected = Parameters<NonNullable<ReturnType<typeof createInspector>['inspect']['next']>>[0]

interface Part {
  readonly sessionId: string
  readonly id?: string
  readonly _parent?: Part
}

const shown: ReadonlySet<string> = new Set(['@xstate.actor', '@xstate.event', '@xstate.snapshot'])

/** What a machine goes through. Actors without states would drown it: a node that rests begins and ends twenty of them a second. */
export const isShown = ({ type, actorRef }: Inspected): boolean =>
  shown.has(type) && typeof Object(Reflect.get(actorRef, 'logic')).config === 'object'

/**
 * The event as the inspector reads it, out of plain JSON without secrets: it is turned to text where nobody catches errors.
 *
 * Errors: whatever an actor throws that is looked at.
 */
export function toShownEvent(inspected: Inspected): Inspected {
  const { type, rootId, actorRef } = inspected
  const { event, snapshot, sourceRef } = inspected as unknown as Readonly<Record<'event' | 'snapshot' | 'sourceRef', unknown>>
  return {
    type,
    rootId,
    actorRef: toSafeRef(actorRef),
    ...(event === undefined ? {} : { event: toPlainJson(event) }),
    ...(snapshot === undefined ? {} : { snapshot: toShownSnapshot(snapshot) }),
    ...(sourceRef === undefined ? {} : { sourceRef: { sessionId: (sourceRef as Part).sessionId } }),
  } as unknown as Inspected
}

function toSafeRef(actorRef: Inspected['actorRef']) {
  const { sessionId, id, _parent } = actorRef as unknown as Part
  const config: unknown = Object(Reflect.get(actorRef, 'logic')).config
  return {
    sessionId,
    id,
    _parent: _parent && { sessionId: _parent.sessionId },
    logic: { config: config === undefined ? undefined : toPlainJson(config) },
    getSnapshot: () => toShownSnapshot(actorRef.getSnapshot()),
  }
}

function toShownSnapshot(snapshot: unknown): unknown {
  const { status, value, context, output, error } = Object(snapshot)
  return toPlainJson({ status, value, context, output, error })
}
