/** The tenant machine with its shells. */
import pLimit from 'p-limit'
import { redactText } from '../../src/core/redact.ts'
import type { DesiredTenant } from '../../src/core/tenant.ts'
import { createConsumerLogic } from '../consumer/consumer.ts'
import { createDeadLettersLogic } from '../dead-letters/logic.ts'
import type { GroupCommitter } from '../ledger/group-committer.ts'
import type { ActorPorts } from '../ports.ts'
import type { WorkerLogic } from '../worker/logic.ts'
import { tenantMachine } from './machine.ts'
import { createProvision, createPurge, createWatchQueue } from './provisioning.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { TenantContext } from './setup.ts'

const quietMs = 10_000

interface NodeFacts {
  readonly ledger: Pick<GroupCommitter, 'stalled'>
  /** Whether the node has reached its broker since it started. */
  readonly hasConnected: () => boolean
}

/** One for all tenants of a node: handles are found by tenant id, machines are shared. */
export function createTenantLogic(ports: ActorPorts, sessions: Sessions, worker: WorkerLogic, { ledger, hasConnected }: NodeFacts) {
  const limit = pLimit(ports.policy.attachConcurrency)
  const admit = <T>(work: () => Promise<T>): Promise<T> => limit(work)

  let failures = 0
  let quietUntil = 0
  // A broker that is away takes them all at once: the explanations tell about each, the log about their number.
  const tellFailure = ({ tenantId, reason, failureCode, attempt }: TenantContext): void => {
    // A node that starts has lost nothing yet, and its link tells when the broker is away.
    if (failureCode === 'broker.unavailable' && !hasConnected()) return
    failures++
    if (performance.now() < quietUntil) return
    ports.log.warn('tenants have lost their queues or partitions; trying again', {
      count: failures,
      last: { tenant_id: tenantId, attempt, reason: redactText(reason ?? '') },
    })
    quietUntil = performance.now() + quietMs
    failures = 0
  }

  return tenantMachine.provide({
    actors: {
      provision: createProvision(ports, admit),
      consumer: createConsumerLogic(ports, sessions, admit, ledger),
      deadLetters: createDeadLettersLogic(ports, admit),
      worker,
      watchQueue: createWatchQueue(ports, sessions),
      purge: createPurge(ports, admit),
    },
    guards: { ledgerStalled: () => ledger.stalled },
    actions: {
      openSession: ({ context }) => {
        configure(sessions.open(context.tenantId), context.desired)
      },
      shutMailbox: ({ context }) => sessions.find(context.tenantId)?.mailbox.shut(),
      applyConfig: ({ context }) => {
        const session = sessions.find(context.tenantId)
        if (session) configure(session, context.desired)
      },
      abortHandlers: ({ context }) => sessions.find(context.tenantId)?.abort.abort(new Error('the node stops')),
      noteRespawn: () => ports.metrics.workerRestarted(),
      logFailure: ({ context }) => tellFailure(context),
      logQuarantine: ({ context }) =>
        ports.log.error('a tenant is quarantined: its restart budget is spent', {
          tenant_id: context.tenantId,
          reason: redactText(context.reason ?? ''),
          probation_ms: context.policy.probationMs,
        }),
    },
  })
}

function configure(session: Session, { config, workers }: DesiredTenant): void {
  session.config = config
  session.workers = workers
}

export type TenantLogic = ReturnType<typeof createTenantLogic>
