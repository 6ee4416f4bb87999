/** The circuits of this node, by tenant and destination: what a third party's outage costs is its own messages, put off. */
import {
  admitToCircuit,
  type Circuit,
  type CircuitPolicy,
  closedCircuit,
  noteFailure,
  noteSuccess,
  noteUndecided,
} from '../../src/core/circuit.ts'
import type { TenantId } from '../../src/core/ids.ts'

export interface Circuits {
  /** When the message is to be put off: until when, and why; undefined when it may run. */
  admit(tenantId: TenantId, destination: string, nowMs: number): { readonly untilMs: number; readonly reason: string } | undefined
  succeeded(tenantId: TenantId, destination: string): void
  failed(tenantId: TenantId, destination: string, nowMs: number, reason: string): void
  /** Its message came to an end that says nothing about the destination. */
  undecided(tenantId: TenantId, destination: string, nowMs: number): void
  /** Those that are not closed. */
  of(tenantId: TenantId): readonly { readonly destination: string; readonly circuit: Exclude<Circuit, { state: 'closed' }> }[]
  forget(tenantId: TenantId): void
}

export interface CircuitsOptions {
  readonly policy: CircuitPolicy
  /** A probe that has not been heard of for so long is given up, and another one goes. */
  readonly probeLimitMs: number
  readonly onChange: (tenantId: TenantId, destination: string, circuit: Circuit) => void
}

/** Shape: a circuit that is closed and has no failures takes no memory. */
export function createCircuits({ policy, probeLimitMs, onChange }: CircuitsOptions): Circuits {
  const tenants = new Map<TenantId, Map<string, Circuit>>()

  const find = (tenantId: TenantId, destination: string): Circuit => tenants.get(tenantId)?.get(destination) ?? closedCircuit

  const put = (tenantId: TenantId, destination: string, before: Circuit, next: Circuit): void => {
    if (next === before) return
    const own = tenants.get(tenantId) ?? new Map<string, Circuit>()
    if (next === closedCircuit) own.delete(destination)
    else own.set(destination, next)
    if (own.size === 0) tenants.delete(tenantId)
    else tenants.set(tenantId, own)
    if (next.state !== before.state) onChange(tenantId, destination, next)
  }

  return {
    admit(tenantId, destination, nowMs) {
      const circuit = find(tenantId, destination)
      if (circuit.state === 'closed') return undefined
      const { next, putOffUntilMs } = admitToCircuit(circuit, nowMs, { openMs: policy.openMs, probeLimitMs })
      put(tenantId, destination, circuit, next)
      return putOffUntilMs === undefined ? undefined : { untilMs: putOffUntilMs, reason: circuit.reason }
    },
    succeeded(tenantId, destination) {
      const circuit = find(tenantId, destination)
      put(tenantId, destination, circuit, noteSuccess(circuit))
    },
    failed(tenantId, destination, nowMs, reason) {
      const circuit = find(tenantId, destination)
      put(tenantId, destination, circuit, noteFailure(circuit, policy, nowMs, reason))
    },
    undecided(tenantId, destination, nowMs) {
      const circuit = find(tenantId, destination)
      put(tenantId, destination, circuit, noteUndecided(circuit, nowMs))
    },
    of(tenantId) {
      return [...(tenants.get(tenantId) ?? [])].flatMap(([destination, circuit]) =>
        circuit.state === 'closed' ? [] : [{ destination, circuit }],
      )
    },
    forget: (tenantId) => void tenants.delete(tenantId),
  }
}
