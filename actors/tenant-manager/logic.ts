/** The TenantManager with everything below it, wired to the ports of this node. */
import type { TenantId } from '../../src/core/ids.ts'
import { createBrokerLinkLogic } from '../broker-link/logic.ts'
import { createLedgerLogic } from '../ledger/logic.ts'
import { createRecordedOutcomes } from '../ledger/recorded-outcomes.ts'
import type { ActorPorts } from '../ports.ts'
import { createReconcilerLogic } from '../reconciler/logic.ts'
import type { Reading } from '../reconciler/machine.ts'
import { createSupervisorLogic } from '../supervisor/logic.ts'
import { createTenantLogic } from '../tenant/logic.ts'
import { createSessions } from '../tenant/sessions.ts'
import { createWorkerLogic } from '../worker/logic.ts'
import { tenantManagerMachine } from './machine.ts'

export interface NodeObserver {
  /** Desired state was read (on every node, whether it runs tenants or not). */
  readonly onReading: (reading: Reading) => void
  /** A tenant's actor is gone: deleted, ended or crashed. */
  readonly onReleased: (tenantId: TenantId) => void
  /** The node cannot go on. */
  readonly onFatal: (error: unknown) => void
}

export function createTenantManagerLogic(ports: ActorPorts, observer: NodeObserver) {
  const sessions = createSessions(ports)
  const { logic: ledger, committer } = createLedgerLogic(ports)
  const worker = createWorkerLogic(sessions, {
    handlers: ports.handlers,
    ledger: committer,
    recorded: createRecordedOutcomes(ports.messages),
    metrics: ports.metrics,
    inHand: new Set(),
    onDatabaseAway: committer.stall,
  })
  const tenant = createTenantLogic(ports, sessions, worker, committer)
  const logic = tenantManagerMachine.provide({
    actors: {
      brokerLink: createBrokerLinkLogic(ports),
      ledger,
      reconciler: createReconcilerLogic(ports),
      supervisor: createSupervisorLogic(ports, sessions, tenant, observer.onReleased),
    },
    actions: {
      logCrash: ({ event }) =>
        ports.log.error('an actor crashed', {
          actor: 'actorId' in event ? event.actorId : event.type,
          error: 'error' in event ? event.error : undefined,
        }),
      giveUp: ({ event }) => observer.onFatal('error' in event ? event.error : event.type),
      noteReading: ({ event }) => {
        if (event.type === 'desired.read') observer.onReading(event.reading)
      },
    },
  })
  return { logic, sessions, committer }
}
