/** Every state machine of the engine, without the shells that carry its actions out. */
import type { AnyStateMachine } from 'xstate'
import { brokerLinkMachine } from './broker-link/machine.ts'
import { janitorMachine } from './janitor/machine.ts'
import { ledgerMachine } from './ledger/machine.ts'
import { reconcilerMachine } from './reconciler/machine.ts'
import { retrySchedulerMachine } from './retry-scheduler/machine.ts'
import { supervisorMachine } from './supervisor/machine.ts'
import { tenantMachine } from './tenant/machine.ts'
import { tenantManagerMachine } from './tenant-manager/machine.ts'
import { workerMachine } from './worker/machine.ts'

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
