/** Everything that one actor can be asked. */
import type { AnyActorRef, AnyStateNode } from 'xstate'
import { toPlainJson } from '../../core/plain-json.ts'
import type { ActorDetail } from '../../core/ports/inspection.ts'
import { type EntrySource, toEntry } from './actor-entry.ts'
import { idOf } from './actor-ids.ts'
import { machineOf } from './definitions.ts'
import { isActorRef } from './replay-json.ts'
import { childrenOf, positionOf } from './tree-walk.ts'

/** Errors: none; total. */
export function toDetail(ref: AnyActorRef, source: EntrySource): ActorDetail {
  const entry = toEntry(ref, source)
  const definition = machineOf(entry.kind)
  const snapshot: { value?: unknown; context?: unknown; status?: unknown; _nodes?: unknown } = { ...ref.getSnapshot() }
  return {
    ...entry,
    value: definition ? (snapshot.value ?? null) : null,
    context: definition ? toPlainJson(snapshot.context, toActorId) : null,
    allowedEvents: snapshot.status === 'active' && Array.isArray(snapshot._nodes) ? listEvents(snapshot._nodes) : [],
    transitions: source.recorder.transitionsOf(ref),
    children: childrenOf(positionOf(ref)).map((child) => toEntry(child.ref, source)),
    definition,
  }
}

/** Another actor is shown by its id. */
const toActorId = (object: object): string | undefined => (isActorRef(object) ? idOf(object) : undefined)

/** What its states listen to, from the machine itself inwards; not what only XState sends, such as timers and the ends of children. */
function listEvents(nodes: readonly AnyStateNode[]): readonly string[] {
  const types = new Set<string>(nodes.flatMap(({ ownEvents }) => ownEvents))
  return [...types].filter((type) => type !== '' && !type.startsWith('xstate.')).sort()
}
