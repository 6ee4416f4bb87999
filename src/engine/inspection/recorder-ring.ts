/** The last transitions of one actor: two segments, of which the older one makes room when the present one is full. */
import type { AnyEventObject, AnyMachineSnapshot, StateValue } from 'xstate'
import type { ActorKind, TransitionView } from '../../core/ports/inspection.ts'
import { type KeptSnapshot, keepSnapshot } from './recorder-keep.ts'
import { stateOfValue } from './state-of.ts'

/** Of each segment: the last 16 to 32 transitions are known. */
const segmentLength = 16

export interface Entry {
  /** Epoch milliseconds. */
  readonly atMs: number
  /** A text is the type of an event that has nothing else. */
  readonly event: AnyEventObject | string
  readonly value: StateValue
  /** A state was left and entered anew, which its value does not show. */
  readonly reenters: boolean
}

/** When an actor has come to where it is. Epoch milliseconds. */
export interface Since {
  /** To its state as others name it, which several inner states of a tenant may share. */
  readonly state: number
  /** To its inner states: their timers have begun then, or anew. */
  readonly entered: number
}

interface Segment {
  /** The snapshot before the first entry. */
  readonly base: KeptSnapshot
  /** Of the base. */
  readonly since: Since
  readonly entries: Entry[]
}

/** Replay always has a base: a segment begins with the snapshot at which the one before has ended. */
export interface Ring {
  readonly kind: ActorKind
  readonly spawnedAtMs: number
  older: Segment | undefined
  /** undefined until the actor has its first snapshot. */
  present: Segment | undefined
}

/** `after` is the snapshot after it: a new segment begins with that. */
export function addEntry(ring: Ring, entry: Entry, after: AnyMachineSnapshot): void {
  const { present } = ring
  if (!present) return
  present.entries.push(entry)
  if (present.entries.length < segmentLength) return
  ring.present = { base: keepSnapshot(after, ring.kind), since: sinceOf(ring) ?? startedAt(entry.atMs), entries: [] }
  ring.older = present
}

/** From the oldest. */
export const entriesOf = ({ older, present }: Ring): readonly Entry[] => [...(older?.entries ?? []), ...(present?.entries ?? [])]

/** The snapshot before the first entry. */
export const baseOf = ({ older, present }: Ring): KeptSnapshot | undefined => (older ?? present)?.base

export const startedAt = (atMs: number): Since => ({ state: atMs, entered: atMs })

/** undefined before the first snapshot. */
export function sinceOf({ kind, present }: Ring): Since | undefined {
  if (!present) return undefined
  const { base, entries, since } = present
  const valueAt = (index: number): StateValue => (entries[index] ?? base).value
  const entered = entries.findLastIndex(({ value, reenters }, index) => reenters || !isSame(value, valueAt(index - 1)))
  const state = entries.findLastIndex(({ value }, index) => stateOfValue(value, kind) !== stateOfValue(valueAt(index - 1), kind))
  return { state: entries[state]?.atMs ?? since.state, entered: entries[entered]?.atMs ?? since.entered }
}

const isSame = (one: StateValue, other: StateValue): boolean => one === other || JSON.stringify(one) === JSON.stringify(other)

/** The first is the actor's start, as long as the ring goes back to it. */
export function viewTransitions(ring: Ring): readonly TransitionView[] {
  const base = baseOf(ring)
  if (!base) return []
  const { kind, older, spawnedAtMs } = ring
  let from = stateOfValue(base.value, kind)
  const start = { at: new Date(spawnedAtMs), event: 'xstate.init', from: null, to: from }
  const views: TransitionView[] = older ? [] : [start]
  for (const { atMs, event, value } of entriesOf(ring)) {
    const to = stateOfValue(value, kind)
    views.push({ at: new Date(atMs), event: typeof event === 'string' ? event : event.type, from, to })
    from = to
  }
  return views
}
