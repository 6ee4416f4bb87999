/** What a tenant is told, and what its children report to it. */
import type { DoneActorEvent, ErrorActorEvent } from 'xstate'
import { errorText } from '../../src/core/errors.ts'
import type { DesiredTenant } from '../../src/core/tenant.ts'
import type { ConsumerReport } from '../consumer/consumer.ts'
import type { WorkerOutput } from '../worker/machine.ts'

export type TenantCommand =
  /** The desired state, as often as somebody reads it. */
  | { type: 'tenant.desire'; desired: DesiredTenant }
  /** The node stops: finish what has arrived, then end. */
  | { type: 'tenant.end' }
  /** The row is gone: end without finishing. */
  | { type: 'tenant.vanish' }
  /** The node's drain deadline: give up on running handlers. */
  | { type: 'tenant.abort' }
  | { type: 'broker.up' }
  | { type: 'ledger.stalled' }
  | { type: 'ledger.resumed' }

export type TenantEvent =
  | TenantCommand
  | ConsumerReport
  | { type: 'queue.emptied' }
  | { type: 'worker.respawn'; index: number }
  | DoneActorEvent<WorkerOutput, `worker:${number}`>
  | ErrorActorEvent<unknown, `worker:${number}`>

/** Which worker an event is about; undefined for every other event. */
export function readWorkerIndex(event: TenantEvent): number | undefined {
  if (event.type === 'worker.respawn') return event.index
  if (!('actorId' in event)) return undefined
  const index = Number(event.actorId.slice('worker:'.length))
  return Number.isInteger(index) ? index : undefined
}

/** Why the worker that an event is about has ended. */
export function readWorkerCrash(event: TenantEvent): string {
  if ('error' in event) return errorText(event.error)
  return 'output' in event ? (event.output.crashed ?? 'finished') : 'crashed'
}
