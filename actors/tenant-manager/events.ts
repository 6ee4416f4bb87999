/** What the TenantManager hears: API commands, its children's reports, the node's end. */
import type { DoneActorEvent, ErrorActorEvent } from 'xstate'
import type { DesiredTenant } from '../../src/core/tenant.ts'
import type { BrokerLinkReport } from '../broker-link/machine.ts'
import type { LedgerReport } from '../ledger/machine.ts'
import type { ReconcilerReport } from '../reconciler/machine.ts'

export type TenantManagerCommand =
  /** A tenant's desired state as this node has just written it: no need to wait for the reconciler. */
  | { type: 'tenant.ensure'; desired: DesiredTenant }
  /** Read the desired state of everything now. */
  | { type: 'manager.reconcile' }
  /** The node stops: every tenant finishes what has arrived. */
  | { type: 'manager.drain' }
  /** The drain deadline: running handlers are told to give up. */
  | { type: 'manager.abort' }

export type TenantManagerEvent =
  | TenantManagerCommand
  | BrokerLinkReport
  | LedgerReport
  | ReconcilerReport
  | DoneActorEvent<unknown, string>
  | ErrorActorEvent<unknown, string>
