/** Explains any actor of the tree: by its machine, or for one without states by what it is and what its parent is at. */

import { asClause, atRest, blocked } from '../src/core/explanation.ts'
import type { ActorKind, Explanation } from '../src/core/ports/inspection.ts'
import { explainBrokerLink } from './broker-link/explain.ts'
import type { BrokerLinkContext } from './broker-link/machine.ts'
import type { ExplainFacts, Snapshot } from './explanation.ts'
import { explainJanitor } from './janitor/explain.ts'
import type { JanitorInput } from './janitor/machine.ts'
import { explainLedger } from './ledger/explain.ts'
import type { LedgerContext } from './ledger/machine.ts'
import { explainReconciler } from './reconciler/explain.ts'
import type { ReconcilerContext } from './reconciler/machine.ts'
import { explainRetryScheduler } from './retry-scheduler/explain.ts'
import type { RetrySchedulerContext } from './retry-scheduler/machine.ts'
import { explainSupervisor, type SupervisorSnapshot } from './supervisor/explain.ts'
import type { SupervisorContext } from './supervisor/machine.ts'
import { explainTenant } from './tenant/explain.ts'
import type { TenantContext } from './tenant/setup.ts'
import { explainTenantManager } from './tenant-manager/explain.ts'
import type { TenantManagerContext } from './tenant-manager/machine.ts'
import { explainWorker } from './worker/explain.ts'
import type { WorkerContext } from './worker/machine.ts'

export interface ExplainedActor {
  readonly kind: ActorKind
  /** As the tree names it. */
  readonly id: string
  readonly snapshot: unknown
  readonly parent?: ExplainedActor | undefined
}

type Machine = Exclude<ActorKind, 'consumer' | 'deadLetters' | 'task'>

interface Snapshots {
  readonly tenantManager: Snapshot<TenantManagerContext>
  readonly brokerLink: Snapshot<BrokerLinkContext>
  readonly ledger: Snapshot<LedgerContext>
  readonly reconciler: Snapshot<ReconcilerContext>
  readonly retryScheduler: Snapshot<RetrySchedulerContext>
  readonly janitor: Snapshot<JanitorInput>
  readonly supervisor: Snapshot<SupervisorContext>
  readonly tenant: Snapshot<TenantContext>
  readonly worker: Snapshot<WorkerContext>
}

type Explainers = { readonly [Kind in Machine]: (snapshot: Snapshots[Kind], facts: ExplainFacts, actor: ExplainedActor) => Explanation }

const explainers: Explainers = {
  tenantManager: explainTenantManager,
  brokerLink: explainBrokerLink,
  ledger: explainLedger,
  reconciler: explainReconciler,
  retryScheduler: explainRetryScheduler,
  janitor: explainJanitor,
  supervisor: (snapshot, facts) => explainSupervisor(snapshot as SupervisorSnapshot, facts),
  tenant: explainTenant,
  worker: (snapshot, facts, { parent }) => explainWorker(snapshot, facts, parent && explainActor(parent, { ...facts, sinceMs: undefined })),
}

/**
 * One sentence about the actor, and what blocks it. `facts` are its own: since when, and of its tenant the session.
 *
 * Errors: none; total, also for an actor that has ended or crashed.
 */
export function explainActor(actor: ExplainedActor, facts: ExplainFacts): Explanation {
  const { kind, id, snapshot } = actor
  if (isIn(snapshot, 'error')) return blocked('actor.crashed', `Actor ${id} has crashed; its parent answers that.`)
  if (kind === 'consumer' || kind === 'deadLetters' || kind === 'task') return explainStateless({ ...actor, kind }, facts)
  if (!isMachineSnapshot(snapshot)) return blocked('actor.ended', `Actor ${id} has ended.`)
  // The kind says whose snapshot it is.
  return (explainers[kind] as (snapshot: Snapshot<unknown>, facts: ExplainFacts, actor: ExplainedActor) => Explanation)(
    snapshot,
    facts,
    actor,
  )
}

const meanings = {
  consumer: 'hands what the broker delivers to the tenant’s mailbox, and acknowledges what is recorded',
  deadLetters: 'turns what comes into the tenant’s dead-letter queue into failed messages',
  task: 'does what its parent’s state needs, and ends with that state',
} as const

/** What keeps them from it. A pause does not keep dead letters from their end. */
const hindrances: Readonly<Record<keyof typeof meanings, readonly (string | null)[]>> = {
  consumer: ['tenant.paused', 'tenant.attaching', 'broker.unavailable', 'database.unavailable'],
  deadLetters: ['tenant.attaching', 'broker.unavailable', 'database.unavailable'],
  task: [],
}

function explainStateless(actor: ExplainedActor & { readonly kind: keyof typeof meanings }, facts: ExplainFacts): Explanation {
  const { kind, id, snapshot, parent } = actor
  const name = toName(kind, id)
  if (isIn(snapshot, 'done') || isIn(snapshot, 'stopped')) return blocked('actor.ended', `${name} has done its work and ended.`)
  if (!parent) return atRest(`${name} ${meanings[kind]}.`)
  const above = explainActor(parent, { ...facts, sinceMs: undefined })
  const clause = asClause(above.sentence)
  const isHindered = hindrances[kind].includes(above.blockedBy)
  return { ...above, until: null, sentence: isHindered ? `${name} waits, because ${clause}.` : `${name} ${meanings[kind]}; ${clause}.` }
}

/** `tenant:x.consumer`: the consumer of tenant x. */
function toName(kind: keyof typeof meanings, id: string): string {
  const owner = id.replace(/\..*$/, '').replace(':', ' ')
  if (kind === 'task') return `The task ${id.slice(id.lastIndexOf('.') + 1)} of ${owner}`
  return `The ${kind === 'consumer' ? 'consumer' : 'dead-letter consumer'} of ${owner}`
}

const isIn = (snapshot: unknown, status: string): boolean =>
  typeof snapshot === 'object' && snapshot !== null && 'status' in snapshot && snapshot.status === status

function isMachineSnapshot(snapshot: unknown): snapshot is Snapshot<unknown> {
  return (
    typeof snapshot === 'object' &&
    snapshot !== null &&
    'context' in snapshot &&
    'matches' in snapshot &&
    typeof snapshot.matches === 'function'
  )
}
