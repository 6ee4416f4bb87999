/**
 * The flight recorder: sees what every actor of the node goes through, remembers the last of it, and tells one listener.
 *
 * It costs a few references per transition and makes no texts: these are made when somebody reads.
 */
import type { AnyActorRef, AnyEventObject, AnyMachineSnapshot, InspectionEvent } from 'xstate'
import { errorText } from '../../core/errors.ts'
import type { ActorChange, FlightDump, TransitionView } from '../../core/ports/inspection.ts'
import { idOf, isMachineKind, kindOf, tenantIdOf } from './actor-ids.ts'
import { type Crash, toDump } from './recorder-dump.ts'
import { keepEvent, keepSnapshot, share } from './recorder-keep.ts'
import { clearPending, type Pending, pushPending, takePending } from './recorder-pending.ts'
import { addEntry, type Ring, type Since, sinceOf, startedAt, viewTransitions } from './recorder-ring.ts'
import { stateOf, stateOfValue } from './state-of.ts'

/** `kind` of ActorChange. `to` of a change that ends an actor is its last state or, where it was ended by another, `stopped`; `error` after a crash. */
export interface RecordedChange {
  readonly kind: ActorChange['kind']
  readonly ref: AnyActorRef
  readonly atMs: number
  readonly event: string
  readonly from: string | null
  readonly to: string
}

export interface Recorder {
  /** For createActor's `inspect`: never throws. */
  observe(event: InspectionEvent): void
  /** When the actor entered its state; its spawn for one without states. Epoch milliseconds. */
  sinceMs(ref: AnyActorRef): number | undefined
  /** When it entered its inner states, or entered one anew: their timers have begun then. Epoch milliseconds. */
  enteredMs(ref: AnyActorRef): number | undefined
  /** The last 16 to 32, oldest first. */
  transitionsOf(ref: AnyActorRef): readonly TransitionView[]
  /** undefined for an actor without states. */
  dump(ref: AnyActorRef, reason: string | null): FlightDump | undefined
  /** One listener; undefined when nobody looks: then nothing is computed for it. Nor is it for tasks, unless it wants them. */
  listen(listener: ((change: RecordedChange) => void) | undefined, wantsTasks?: () => boolean): void
}

export interface RecorderOptions {
  readonly node: string
  /** A machine has crashed, or a tenant is quarantined. */
  readonly onIncident: (dump: FlightDump & { readonly reason: string }) => void
  /** The recorder itself has failed at an event; told once. */
  readonly onTrouble?: (error: unknown) => void
  readonly nowMs?: () => number
}

interface Trace extends Ring, Pending {
  ended: boolean
  /** What is under way leaves a state and enters it anew. */
  reenters: boolean
}

export function createRecorder({ node, onIncident, onTrouble, nowMs = Date.now }: RecorderOptions): Recorder {
  // Of an actor without states only when it was spawned.
  const traces = new WeakMap<object, Trace | number>()
  let listener: ((change: RecordedChange) => void) | undefined
  let wantsTasks = (): boolean => true
  let troubled = false

  // Whoever is told must not harm the record, nor the actors.
  const guarded = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      trouble(error)
    }
  }
  const trouble = (error: unknown): void => {
    if (troubled) return
    troubled = true
    guarded(() => onTrouble?.(error))
  }

  const tell = (kind: RecordedChange['kind'], ref: AnyActorRef, event: string, from: string | null, to: string): void => {
    try {
      listener?.({ kind, ref, atMs: nowMs(), event, from, to })
    } catch (error) {
      trouble(error)
    }
  }

  const dump = (ref: AnyActorRef, trace: Trace, reason: string | null, crash: Crash | null): FlightDump => {
    const snapshot: unknown = ref.getSnapshot()
    const last = isMachineSnapshot(snapshot) ? keepSnapshot(snapshot, trace.kind) : undefined
    return toDump(trace, {
      node,
      actorId: idOf(ref),
      tenantId: tenantIdOf(ref),
      reason,
      recordedAtMs: nowMs(),
      // XState marks the snapshot on which an actor crashed as `error`: the actor had come to rest there.
      last: last?.status === 'error' && trace.present ? { ...last, status: 'active' } : last,
      crash,
    })
  }
  const report = (ref: AnyActorRef, trace: Trace, reason: string, crash: Crash | null): void => {
    const incident = dump(ref, trace, reason, crash)
    guarded(() => onIncident({ ...incident, reason: incident.reason ?? 'unknown' }))
  }

  const noteSpawn = (ref: AnyActorRef): void => {
    const kind = kindOf(ref)
    const spawnedAtMs = nowMs()
    if (!isMachineKind(kind)) traces.set(ref, spawnedAtMs)
    else
      traces.set(ref, {
        kind,
        spawnedAtMs,
        older: undefined,
        present: undefined,
        first: undefined,
        rest: undefined,
        ended: false,
        reenters: false,
      })
  }

  const end = (trace: Trace): void => {
    trace.ended = true
    clearPending(trace)
  }

  /** `type`: the event that tells its parent. */
  const noteCrash = (ref: AnyActorRef, error: unknown, type: string): void => {
    const trace = traces.get(ref)
    if (typeof trace !== 'object') {
      const isTask = kindOf(ref) === 'task'
      // Tasks fail as part of life: a broker that is away makes `connect` fail.
      if (listener && (!isTask || wantsTasks())) tell(isTask ? 'stopped' : 'crashed', ref, type, 'active', 'error')
    } else if (!trace.ended) {
      const event = trace.first ?? { type: 'xstate.init' }
      end(trace)
      if (listener) tell('crashed', ref, event.type, lastState(trace), 'error')
      report(ref, trace, errorText(error), { event, error: errorText(error) })
    }
  }

  const noteEvent = (ref: AnyActorRef, event: AnyEventObject, source: AnyActorRef | undefined): void => {
    const trace = traces.get(ref)
    if (typeof trace === 'object' && !trace.ended) pushPending(trace, event)
    // An actor's crash shows when its parent is told.
    if (source && event.type.startsWith('xstate.error.actor.')) noteCrash(source, event.error, event.type)
  }

  const noteStateless = (ref: AnyActorRef, type: string, status: unknown): void => {
    if (kindOf(ref) === 'task' && !wantsTasks()) return
    if (type === 'xstate.init') tell('spawned', ref, type, null, 'active')
    else if (status === 'done' || status === 'stopped') tell('stopped', ref, type, 'active', status)
  }

  const noteStart = (ref: AnyActorRef, trace: Trace, snapshot: AnyMachineSnapshot): void => {
    trace.present = { base: keepSnapshot(snapshot, trace.kind), since: startedAt(trace.spawnedAtMs), entries: [] }
    if (listener) tell('spawned', ref, 'xstate.init', null, stateOf(snapshot, trace.kind))
  }

  const noteTransition = (ref: AnyActorRef, trace: Trace, event: AnyEventObject, snapshot: AnyMachineSnapshot): void => {
    const { kind } = trace
    const from = listener && lastState(trace)
    const { reenters } = trace
    trace.reenters = false
    addEntry(trace, { atMs: nowMs(), event: keepEvent(event, kind), value: share(snapshot.value), reenters }, snapshot)
    if (!from) return
    const to = snapshot.status === 'stopped' ? 'stopped' : stateOf(snapshot, kind)
    tell(snapshot.status === 'active' ? 'transition' : 'stopped', ref, event.type, from, to)
  }

  const noteSnapshot = (ref: AnyActorRef, event: AnyEventObject, snapshot: object): void => {
    const trace = traces.get(ref)
    if (typeof trace !== 'object') {
      if (listener && trace !== undefined) noteStateless(ref, event.type, Reflect.get(snapshot, 'status'))
      return
    }
    if (trace.ended || !isMachineSnapshot(snapshot)) return
    if (snapshot.status === 'error') {
      noteCrash(ref, snapshot.error, event.type)
      return
    }
    takePending(trace, event)
    const before = trace.present && (trace.present.entries.at(-1) ?? trace.present.base).value
    if (trace.present) noteTransition(ref, trace, event, snapshot)
    else noteStart(ref, trace, snapshot)
    if (snapshot.status !== 'active') end(trace)

    const crashed = trace.kind === 'worker' && snapshot.status === 'done' ? readText(snapshot.output, 'crashed') : undefined
    // A worker's loop is caught when it crashes, and the worker says so in its output.
    if (crashed !== undefined) report(ref, trace, crashed, { event, error: crashed })
    if (trace.kind === 'tenant' && snapshot.value === 'quarantined' && before !== 'quarantined') {
      report(ref, trace, readText(snapshot.context, 'reason') ?? 'quarantined', null)
    }
  }

  const noteReentry = (ref: AnyActorRef): void => {
    const trace = traces.get(ref)
    if (typeof trace === 'object') trace.reenters = true
  }

  const note = (inspected: InspectionEvent): void => {
    const ref = inspected.actorRef as AnyActorRef
    if (inspected.type === '@xstate.snapshot') noteSnapshot(ref, inspected.event, inspected.snapshot)
    else if (inspected.type === '@xstate.event') noteEvent(ref, inspected.event, inspected.sourceRef as AnyActorRef | undefined)
    else if (inspected.type === '@xstate.actor') noteSpawn(ref)
    else if (inspected.type === '@xstate.microstep' && inspected._transitions.some(({ reenter }) => reenter)) noteReentry(ref)
  }

  const sinceMs = (ref: AnyActorRef, what: keyof Since): number | undefined => {
    const trace = traces.get(ref)
    return typeof trace === 'object' ? (sinceOf(trace)?.[what] ?? trace.spawnedAtMs) : trace
  }

  return {
    observe(event) {
      try {
        note(event)
      } catch (error) {
        trouble(error)
      }
    },
    sinceMs: (ref) => sinceMs(ref, 'state'),
    enteredMs: (ref) => sinceMs(ref, 'entered'),
    transitionsOf(ref) {
      const trace = traces.get(ref)
      return typeof trace === 'object' ? viewTransitions(trace) : []
    },
    dump(ref, reason) {
      const trace = traces.get(ref)
      return typeof trace === 'object' ? dump(ref, trace, reason, null) : undefined
    },
    listen(next, tasksToo = () => true) {
      listener = next
      wantsTasks = tasksToo
    },
  }
}

/** The state before the event that is told of; `active` when the actor has not started. */
const lastState = ({ kind, present }: Ring): string =>
  present ? stateOfValue((present.entries.at(-1) ?? present.base).value, kind) : 'active'

const isMachineSnapshot = (snapshot: unknown): snapshot is AnyMachineSnapshot =>
  typeof snapshot === 'object' && snapshot !== null && '_nodes' in snapshot

function readText(holder: unknown, name: string): string | undefined {
  const text: unknown = typeof holder === 'object' && holder !== null ? Reflect.get(holder, name) : undefined
  return typeof text === 'string' ? text : undefined
}
