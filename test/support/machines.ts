/** Every state machine of the engine, for the tests and the document that look at all of them. */
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { brokerLinkMachine } from '../../actors/broker-link/machine.ts'
import { janitorMachine } from '../../actors/janitor/machine.ts'
import { ledgerMachine } from '../../actors/ledger/machine.ts'
import { reconcilerMachine } from '../../actors/reconciler/machine.ts'
import { retrySchedulerMachine } from '../../actors/retry-scheduler/machine.ts'
import { supervisorMachine } from '../../actors/supervisor/machine.ts'
import { tenantMachine } from '../../actors/tenant/machine.ts'
import { tenantManagerMachine } from '../../actors/tenant-manager/machine.ts'
import { workerMachine } from '../../actors/worker/machine.ts'

/** From the root of the actors to their leaves. */
export const machines: readonly AnyStateMachine[] = [
  tenantManagerMachine,
  supervisorMachine,
  tenantMachine,
  workerMachine,
  ledgerMachine,
  brokerLinkMachine,
  reconcilerMachine,
  retrySchedulerMachine,
  janitorMachine,
]

/** The states of a machine in their order, each before its inner ones; without the root. */
export function listStates(node: AnyStateNode): readonly AnyStateNode[] {
  return Object.values(node.states).flatMap((child: AnyStateNode) => [child, ...listStates(child)])
}

/** A state by its names from the outside in, such as `attached.opening`; empty for the root. */
export const pathOf = (node: AnyStateNode): string => node.path.join('.')
