/**
 * What the recorder keeps of a snapshot and of an event: references to what never changes, and of the large only what the
 * machine looks at. A tenant's settings (`config`) decide nothing in any machine, and what was read of everybody's desired
 * state concerns the tenants' own records.
 */
import type { AnyEventObject, AnyMachineSnapshot, StateValue } from 'xstate'
import type { ActorKind } from '../../core/ports/inspection.ts'
import { nameOf } from './actor-ids.ts'
import { isRecord } from './json-fields.ts'
import { isActorRef } from './replay-json.ts'

/** As FlightSnapshot, with the context as it was: a reference, since contexts are never changed in place. */
export interface KeptSnapshot {
  readonly value: StateValue
  readonly context: unknown
  readonly status: string
  readonly children: readonly KeptChild[]
}

interface KeptChild {
  readonly id: string
  readonly src: string
}

/** Of a list of tenants, so many are kept. */
const maxTenantsKept = 16
const nobody: readonly KeptChild[] = []

/** Holds no actor alive. */
export const keepSnapshot = ({ value, context, status, children }: AnyMachineSnapshot, kind: ActorKind): KeptSnapshot => ({
  value: share(value),
  // The versions of everybody's desired state, anew with each change: a megabyte on a large node.
  context: kind === 'tenantManager' ? { ...context, told: {} } : context,
  status,
  children: keepChildren(children),
})

function keepChildren(children: Readonly<Record<string, unknown>>): readonly KeptChild[] {
  const kept: KeptChild[] = []
  for (const id in children) {
    const child = children[id]
    if (typeof child === 'object' && child !== null && isActorRef(child)) {
      kept.push({ id, src: typeof child.src === 'string' ? child.src : nameOf(child) })
    }
  }
  return kept.length === 0 ? nobody : kept
}

const sharedValues = new Map<string, Map<string, StateValue>>()

/** `{ busy: 'working' }` is one object, however often an actor comes by. Larger values are the tenants', which change seldom. */
export function share(value: StateValue): StateValue {
  if (typeof value === 'string') return value
  let outer: string | undefined
  for (const name in value) {
    if (outer !== undefined) return value
    outer = name
  }
  const inner = outer === undefined ? undefined : value[outer]
  if (outer === undefined || typeof inner !== 'string') return value
  const known = sharedValues.get(outer) ?? new Map<string, StateValue>()
  if (known.size === 0) sharedValues.set(outer, known)
  const shared = known.get(inner) ?? value
  if (shared === value) known.set(inner, value)
  return shared
}

/** An event without anything but its type is kept as that: there are many of them, one like the other. */
export function keepEvent(event: AnyEventObject, kind: ActorKind): AnyEventObject | string {
  for (const name in event) if (name !== 'type') return keepLarge(event, kind)
  return event.type
}

function keepLarge(event: AnyEventObject, kind: ActorKind): AnyEventObject {
  if (event.type === 'tenant.desire' || event.type === 'tenant.ensure') return { ...event, desired: withoutConfig(event.desired) }
  if (event.type === 'desired.read') return { ...event, reading: keepReading(event.reading) }
  if (kind === 'reconciler' && isRecord(event.output)) return { ...event, output: keepReading(event.output) }
  return event
}

function keepReading(reading: unknown): unknown {
  if (!isRecord(reading) || !Array.isArray(reading.tenants)) return reading
  const tenants = reading.tenants.slice(0, maxTenantsKept).map(withoutConfig)
  const missing = Array.isArray(reading.missing) ? { missing: reading.missing.slice(0, maxTenantsKept) } : {}
  return { ...reading, tenants, ...missing, tenants_read: reading.tenants.length }
}

/** A context as a record shows it. */
export function withoutSettings(context: unknown, kind: ActorKind): unknown {
  if (!isRecord(context) || !isRecord(context.desired)) return context
  if (kind === 'tenant') return { ...context, desired: withoutConfig(context.desired) }
  if (kind !== 'supervisor') return context
  const desired = Object.entries(context.desired).map(([id, each]) => [id, withoutConfig(each)])
  return { ...context, desired: Object.fromEntries(desired) }
}

const withoutConfig = (desired: unknown): unknown => (isRecord(desired) ? { ...desired, config: '[left out]' } : desired)
