/** A flight record of what an actor has been through. */
import type { AnyEventObject } from 'xstate'
import type { TenantId } from '../../core/ids.ts'
import type { ActorKind, FlightDump, FlightSnapshot } from '../../core/ports/inspection.ts'
import { redactText } from '../../core/redact.ts'
import { type KeptSnapshot, keepEvent, withoutSettings } from './recorder-keep.ts'
import { baseOf, entriesOf, type Ring } from './recorder-ring.ts'
import { toRecordJson } from './replay-json.ts'
import { stateOfValue } from './state-of.ts'

export interface DumpFacts {
  readonly node: string
  readonly actorId: string
  readonly tenantId: TenantId | null
  readonly reason: string | null
  readonly recordedAtMs: number
  /** What the actor is in now; undefined when it never came so far. */
  readonly last: KeptSnapshot | undefined
  readonly crash: Crash | null
}

export interface Crash {
  readonly event: AnyEventObject
  readonly error: string
}

/** Errors: none; total. */
export function toDump(ring: Ring, facts: DumpFacts): FlightDump {
  const { kind } = ring
  const { node, actorId, tenantId, reason, recordedAtMs, crash } = facts
  const last = toSnapshot(facts.last, kind)
  const base = baseOf(ring)
  return {
    format: 'tenantry.flight-record',
    version: 1,
    node,
    actorId,
    machine: kind,
    tenantId,
    reason: reason === null ? null : redactText(reason),
    recordedAt: toIso(recordedAtMs),
    base: base ? toSnapshot(base, kind) : last,
    entries: entriesOf(ring).map(({ atMs, event, value }) => ({
      at: toIso(atMs),
      event: toEvent(event),
      state: stateOfValue(value, kind),
    })),
    last,
    crash: crash && { event: toEvent(keepEvent(crash.event, kind)), error: redactText(crash.error) },
  }
}

function toSnapshot(kept: KeptSnapshot | undefined, kind: ActorKind): FlightSnapshot {
  if (!kept) return { value: null, context: null, status: 'error', children: [] }
  const { value, context, status, children } = kept
  return { value, context: toRecordJson(withoutSettings(context, kind)), status, children }
}

const toEvent = (event: AnyEventObject | string): unknown => toRecordJson(typeof event === 'string' ? { type: event } : event)

const toIso = (ms: number): string => new Date(ms).toISOString()
