/** The TenantManager with everything below it, wired to the ports of this node. */
import type { Circuit } from '../../src/core/circuit.ts'
import type { TenantId } from '../../src/core/ids.ts'
import { resolveRetryPolicy } from '../../src/core/tenant-config.ts'
import { createBrokerLinkLogic } from '../broker-link/logic.ts'
import { createJanitorLogic } from '../janitor/logic.ts'
import { createLedgerLogic } from '../ledger/logic.ts'
import { createRecordedOutcomes } from '../ledger/recorded-outcomes.ts'
import type { ActorPorts } from '../ports.ts'
import { createReconcilerLogic } from '../reconciler/logic.ts'
import type { Reading } from '../reconciler/machine.ts'
import { createRetryScheduler } from '../retry-scheduler/logic.ts'
import { createSupervisorLogic } from '../supervisor/logic.ts'
import { createTenantLogic } from '../tenant/logic.ts'
import { createSessions } from '../tenant/sessions.ts'
import { createCircuits } from '../worker/circuits.ts'
import { createWorkerLogic } from '../worker/logic.ts'
import { tenantManagerMachine } from './machine.ts'

export interface NodeObserver {
  /** Desired state was read (on every node, whether it runs tenants or not). */
  readonly onReading: (reading: Reading) => void
  /** A tenant's actor is gone: deleted, ended or crashed. */
  readonly onReleased: (tenantId: TenantId) => void
  /** A circuit of the tenant has opened, or lets a probe through, or has closed. */
  readonly onCircuit: (tenantId: TenantId) => void
  /** The node cannot go on. */
  readonly onFatal: (error: unknown) => void
}

export function createTenantManagerLogic(ports: ActorPorts, observer: NodeObserver) {
  const { policy } = ports
  const sessions = createSessions(policy.retry.share)
  const scheduler = createRetryScheduler(ports, sessions)
  const { logic: ledger, committer } = createLedgerLogic(ports, scheduler.tell)
  const circuits = createCircuits({
    policy: policy.circuit,
    probeLimitMs: policy.handlerLimitMs,
    onChange: (tenantId, destination, circuit) => {
      logCircuit(ports.log, tenantId, destination, circuit)
      observer.onCircuit(tenantId)
    },
  })
  const worker = createWorkerLogic(sessions, {
    handlers: ports.handlers,
    ledger: committer,
    recorded: createRecordedOutcomes(ports.messages),
    metrics: ports.metrics,
    tracing: ports.tracing,
    circuits,
    policyFor: (config, handler, type) => resolveRetryPolicy(config, type, handler.retry, policy.retry.policy),
    inHand: new Set(),
    onDatabaseAway: committer.stall,
  })
  let hasConnected = false
  const tenant = createTenantLogic(ports, sessions, worker, { ledger: committer, hasConnected: () => hasConnected })
  const logic = tenantManagerMachine.provide({
    actors: {
      brokerLink: createBrokerLinkLogic(ports, () => {
        hasConnected = true
      }),
      ledger,
      reconciler: createReconcilerLogic(ports),
      supervisor: createSupervisorLogic(ports, sessions, tenant, (tenantId) => {
        circuits.forget(tenantId)
        observer.onReleased(tenantId)
      }),
      retryScheduler: scheduler.logic,
      janitor: createJanitorLogic(ports, sessions),
    },
    actions: {
      logCrash: ({ event }) =>
        ports.log.error('an actor crashed', {
          actor_id: 'actorId' in event ? event.actorId : event.type,
          error: 'error' in event ? event.error : undefined,
        }),
      giveUp: ({ event }) => observer.onFatal('error' in event ? event.error : event.type),
      noteReading: ({ event }) => {
        if (event.type === 'desired.read') observer.onReading(event.reading)
      },
    },
  })
  return { logic, sessions, circuits }
}

function logCircuit(log: ActorPorts['log'], tenantId: TenantId, destination: string, circuit: Circuit): void {
  const facts = { tenant_id: tenantId, destination, state: circuit.state }
  if (circuit.state === 'open') {
    log.warn('a circuit is open: messages for the destination are put off', {
      ...facts,
      until: new Date(circuit.untilMs).toISOString(),
    })
  } else log.info('a circuit has changed', facts)
}
