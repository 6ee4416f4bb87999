/** One actor as a line of the tree. */
import type { AnyActorRef } from 'xstate'
import type { ActorEntry } from '../../core/ports/inspection.ts'
import { idOf, kindOf, parentOf, tenantIdOf } from './actor-ids.ts'
import type { Recorder } from './recorder.ts'
import { stateOf } from './state-of.ts'

export interface EntrySource {
  readonly recorder: Pick<Recorder, 'sinceMs' | 'transitionsOf'>
  readonly node: string
}

/** Errors: none; total. */
export function toEntry(ref: AnyActorRef, { recorder, node }: EntrySource): ActorEntry {
  const kind = kindOf(ref)
  const parent = parentOf(ref)
  return {
    id: idOf(ref),
    kind,
    state: stateOf(ref.getSnapshot(), kind),
    parent: parent ? idOf(parent) : null,
    since: new Date(recorder.sinceMs(ref) ?? Date.now()),
    node,
    tenantId: tenantIdOf(ref),
  }
}
