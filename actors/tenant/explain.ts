/** Says in one sentence what a tenant's actor is at, and what keeps its messages from moving. */

import { because, blocked, count, earlier, future, remedies, toDetail, toFuture } from '../../src/core/explanation.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import { type ExplainFacts, endOf, isLinkDown, linkTrouble, type Snapshot } from '../explanation.ts'
import { explainServing } from './explain-serving.ts'
import type { FailureCode } from './failure.ts'
import type { TenantContext } from './setup.ts'

/** The machine's own fixed delays; a test compares them. */
export const tenantDelaysMs = { finishLimit: 10_000, closeLimit: 15_000, purgeRetry: 200, openLimit: 60_000 } as const

type Explain = (context: TenantContext, facts: ExplainFacts, snapshot: Snapshot<TenantContext>) => Explanation

// In this order: the first that matches explains.
const explanations: readonly (readonly [state: string | object, explain: Explain])[] = [
  ['deciding', ({ tenantId }) => blocked('tenant.deciding', `Tenant ${tenantId} looks where to begin.`)],
  ['provisioning', explainProvisioning],
  [{ attached: 'opening' }, explainOpening],
  [{ attached: 'serving' }, explainServing],
  [{ attached: 'emptying' }, explainEmptying],
  [{ attached: 'draining' }, explainDraining],
  [{ attached: 'detaching' }, explainDetaching],
  [{ attached: 'detached' }, (context) => leaving(context, 'has closed its channel')],
  [
    'failing',
    ({ tenantId, reason }) =>
      blocked('tenant.failing', `Tenant ${tenantId} has failed and looks whether to try again.`, { detail: toDetail(reason) }),
  ],
  ['backingOff', explainBackingOff],
  ['quarantined', explainQuarantined],
  ['pardoned', ({ tenantId }) => blocked('tenant.provisioning', `Tenant ${tenantId} begins again with a fresh restart budget.`)],
  ['stopped', explainStopped],
  [
    { deleting: 'purging' },
    ({ tenantId }) => blocked('tenant.deleting', `Tenant ${tenantId} is being deleted: its queues, partition and row are removed.`),
  ],
  [{ deleting: 'waiting' }, explainPurgeWaiting],
  ['deleted', ({ tenantId }) => blocked('tenant.deleted', `Tenant ${tenantId} is deleted, and all that was its own.`)],
  [
    'ended',
    ({ tenantId, goal }) =>
      goal === 'vanish'
        ? blocked('tenant.deleted', `Tenant ${tenantId} has ended here, because its row is gone.`)
        : blocked('node.draining', `Tenant ${tenantId} has ended here, because the node stops.`),
  ],
]

/** Errors: none; total over the machine's states (a test walks all of them). */
export function explainTenant(snapshot: Snapshot<TenantContext>, facts: ExplainFacts): Explanation {
  const found = explanations.find(([state]) => snapshot.matches(state))
  return (
    found?.[1](snapshot.context, facts, snapshot) ??
    blocked('tenant.deciding', `Tenant ${snapshot.context.tenantId} is between two states.`)
  )
}

function explainProvisioning({ tenantId }: TenantContext, { link, isDatabaseAway }: ExplainFacts): Explanation {
  const doing = `Tenant ${tenantId} is being set up`
  if (isLinkDown(link)) return blocked('broker.unavailable', `${doing} and waits for the broker: ${linkTrouble[link]}.`)
  if (isDatabaseAway) return blocked('database.unavailable', `${doing} and waits for the database, which does not answer.`)
  return blocked('tenant.provisioning', `${doing}: its partition and its queues are made or looked for.`)
}

function explainOpening({ tenantId }: TenantContext, facts: ExplainFacts): Explanation {
  if (isLinkDown(facts.link)) {
    return blocked('broker.unavailable', `Tenant ${tenantId} opens its consumer and waits for the broker: ${linkTrouble[facts.link]}.`)
  }
  return blocked('tenant.attaching', `Tenant ${tenantId} opens the consumer of its queue.`, {
    until: endOf(facts, tenantDelaysMs.openLimit),
  })
}

function explainEmptying(context: TenantContext, facts: ExplainFacts): Explanation {
  const { tenantId, desired } = context
  const left = (facts.ready ?? 0) + (facts.session?.inFlight ?? 0)
  const rest = facts.ready === undefined ? '' : `; ${count(left, 'message')} ${left === 1 ? 'is' : 'are'} left`
  if (facts.isDatabaseAway) {
    return blocked('database.unavailable', `Tenant ${tenantId} cannot work its queue off, because the database does not answer${rest}.`)
  }
  if (desired.status === 'deleting') {
    const until = future(desired.deletion?.deadlineAtMs ?? 0, facts.nowMs)
    return blocked('tenant.deleting', `Tenant ${tenantId} works its queue off before it is deleted, and takes no messages${rest}.`, {
      until,
    })
  }
  const sentence = `Tenant ${tenantId} works its queue off before it stops, and takes no messages${rest}.`
  return blocked('tenant.draining', sentence, { remedy: remedies.resume(tenantId) })
}

function explainDraining(context: TenantContext, facts: ExplainFacts): Explanation {
  const until = finishedBy(context, facts)
  const arrived = facts.session ? `${count(facts.session.inFlight, 'message')} that came before` : 'what has arrived'
  if (facts.isDatabaseAway) {
    const sentence = `Tenant ${context.tenantId} cannot finish what has arrived, because the database does not answer.`
    return blocked('database.unavailable', sentence, { until })
  }
  return leaving(context, `finishes ${arrived}`, until)
}

/** When all that has arrived is done or given up. What no worker has begun may take any time. */
function finishedBy({ goal, desired }: TenantContext, facts: ExplainFacts): Date | null {
  const { session, drainEndsAtMs, nowMs } = facts
  const limit = desired.status === 'deleting' ? endOf(facts, tenantDelaysMs.finishLimit) : null
  if (limit || goal === 'end') return earlier(limit, toFuture(drainEndsAtMs, nowMs))
  const ends = session?.inMailbox === 0 ? session.running.map(({ untilMs }) => untilMs) : []
  return ends.length === 0 || ends.includes(null) ? null : future(Math.max(...ends.map(Number)), nowMs)
}

function explainDetaching(context: TenantContext, facts: ExplainFacts): Explanation {
  return leaving(context, 'sends its last acknowledgements and closes its channel', endOf(facts, tenantDelaysMs.closeLimit))
}

/** What a tenant that leaves its queue does, and what it leaves it for. */
function leaving({ tenantId, goal, desired, servedGeneration }: TenantContext, doing: string, until: Date | null = null): Explanation {
  const say = (code: string, why: string): Explanation => blocked(code, `Tenant ${tenantId} ${doing}, because ${why}.`, { until })
  if (goal === 'end') return say('node.draining', 'the node stops')
  if (goal === 'vanish') return say('tenant.deleted', 'its row is gone')
  if (desired.status === 'deleting') return say('tenant.deleting', 'it is being deleted')
  if (desired.restartGeneration > servedGeneration) return say('tenant.restarting', 'a restart was asked for')
  if (desired.status === 'drained') return { ...say('tenant.draining', 'it was asked to stop'), remedy: remedies.resume(tenantId) }
  return say('tenant.restarting', 'it begins a new attachment')
}

function explainBackingOff(
  { tenantId, reason, failureCode, attempt, retryDelayMs, desired }: TenantContext,
  facts: ExplainFacts,
): Explanation {
  if (isLinkDown(facts.link)) {
    const sentence = `Tenant ${tenantId} is not attached to its queue, because ${linkTrouble[facts.link]}; it attaches when the broker is back.`
    return blocked('broker.unavailable', sentence)
  }
  const until = earlier(endOf(facts, retryDelayMs), future(desired.deletion?.deadlineAtMs ?? 0, facts.nowMs))
  const sentence = `Tenant ${tenantId} waits before it tries again after failure ${Math.max(1, attempt)}${because(toClause(failureCode))}.`
  const remedy = remedies.restart(tenantId, 'Tries again at once.')
  return blocked('tenant.backing_off', sentence, { until, remedy, detail: toDetail(reason) })
}

function explainQuarantined({ tenantId, reason, failureCode, policy, desired, crashes }: TenantContext, facts: ExplainFacts): Explanation {
  const until = earlier(endOf(facts, policy.probationMs), future(desired.deletion?.deadlineAtMs ?? 0, facts.nowMs))
  const often = crashes.length === 0 ? 'too often' : `${crashes.length} times within ${Math.round(policy.windowMs / 1_000)} s`
  const sentence = `Tenant ${tenantId} is quarantined, because it has crashed ${often}${because(toClause(failureCode))}.`
  return blocked('tenant.quarantined', sentence, {
    until,
    remedy: remedies.restart(tenantId, 'Ends the quarantine, with a fresh restart budget.'),
    detail: toDetail(reason),
  })
}

const clauses: Partial<Record<FailureCode, string>> = {
  'actor.crashed': 'one of its actors crashed',
  'broker.unavailable': 'the broker did not do what it was asked to',
  'consumer.lost': 'its consumer was lost',
  'database.refused_row': 'the database refused a statement',
  'database.unavailable': 'the database did not do what it was asked to',
  internal: 'an internal error',
  'partition.missing': 'its partition is missing, or cannot be made',
  'queue.missing': 'its queue is missing',
}

/** A rare one is its code, in words. */
const toClause = (code: FailureCode | null): string | null => (code ? (clauses[code] ?? code.replaceAll(/[._]/g, ' ')) : null)

function explainStopped({ tenantId }: TenantContext): Explanation {
  const sentence = `Tenant ${tenantId} was drained: it holds nothing, and takes no messages until it is resumed.`
  return blocked('tenant.drained', sentence, { remedy: remedies.resume(tenantId) })
}

function explainPurgeWaiting({ tenantId, reason }: TenantContext, facts: ExplainFacts): Explanation {
  const why = reason === null ? ', because another node still holds it' : ''
  const until = endOf(facts, tenantDelaysMs.purgeRetry)
  return blocked('tenant.deleting', `Tenant ${tenantId} waits before its removal is tried again${why}.`, {
    until,
    detail: toDetail(reason),
  })
}
