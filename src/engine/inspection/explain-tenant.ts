/** Why a tenant's messages do not move, over all nodes: every cause there is, the most important first. */
import { atRest, blocked, count, future, lengthText, remedies, sinceText } from '../../core/explanation.ts'
import type { QueueDepth } from '../../core/ports/broker.ts'
import type { PendingRetries } from '../../core/ports/failure-store.ts'
import type { Explanation } from '../../core/ports/inspection.ts'
import type { Tenant } from '../../core/tenant.ts'
import type { NodeFacts } from './explain-facts.ts'

export interface TenantPicture {
  readonly tenant: Pick<Tenant, 'id' | 'status' | 'workers'>
  readonly nodes: readonly NodeFacts[]
  /** True when some node that runs tenants is alive. */
  readonly isServed: boolean
  /** undefined when the broker did not say. */
  readonly depth: QueueDepth | undefined
  readonly isBrokerSilent: boolean
  /** undefined when the database did not say. */
  readonly retries: PendingRetries | undefined
  readonly nextScheduledAt: Date | null
  readonly nowMs: number
}

/** A tenant's actor that says so runs messages. */
const running: ReadonlySet<string | null> = new Set([null, 'tenant.resizing', 'worker.finishing'])

export const runsMessages = ({ tenant }: NodeFacts): boolean => tenant !== null && running.has(tenant.explanation.blockedBy)

/** What keeps every message of the tenant from being run; undefined while some node runs them. Errors: none; total. */
export function findTenantBlock(picture: TenantPicture): Explanation | undefined {
  const { nodes } = picture
  if (nodes.some(runsMessages)) return undefined
  return [...explainWish(picture), ...explainNodes(picture)].toSorted(byRank)[0]
}

/** Shape: never empty; with nothing in the way it says so. Errors: none; total. */
export function listTenantCauses(picture: TenantPicture): readonly [Explanation, ...Explanation[]] {
  const { tenant, nodes } = picture
  const block = findTenantBlock(picture)
  const causes = [...explainWish(picture), ...explainNodes(picture)]
  const trouble = [...causes, ...explainWishBeside(picture, causes)].filter((each) => each.sentence !== block?.sentence).toSorted(byRank)
  const broker = [...explainSilence(picture, causes), ...explainBrokerAlarm(picture)]
  const flow = [...broker, ...explainCircuits(picture), ...explainBusy(picture), ...explainBacklog(picture)]
  const wish = block && [block, ...trouble].find(isWish)
  const waiting = [...explainRetries(picture, wish), ...explainSchedules(picture, wish)]
  // While one node runs messages, the trouble of another stops none of them.
  const [first, ...others] = block ? [block, ...trouble, ...flow, ...waiting] : [...flow, ...waiting, ...trouble]
  if (first) return [first, ...others]
  const workers = nodes.reduce((sum, each) => sum + (each.tenant?.workers ?? 0), 0)
  return [atRest(`Tenant ${tenant.id} runs with ${count(workers, 'worker')} and has nothing to do.`)]
}

/** What was asked for comes before what has happened; of that, what a node still does before what another has done. */
const ranks = [
  ...['tenant.deleting', 'tenant.deleted', 'tenant.draining', 'tenant.drained', 'tenant.paused', 'tenant.unassigned'],
  ...['tenant.quarantined', 'database.unavailable', 'broker.unavailable', 'tenant.crashed', 'tenant.backing_off', 'worker.crashed'],
]

const byRank = (a: Explanation, b: Explanation): number => rankOf(a) - rankOf(b)

function rankOf({ blockedBy }: Explanation): number {
  const rank = ranks.indexOf(blockedBy ?? '')
  return rank < 0 ? ranks.length : rank
}

/** What the desired state says, where no actor says it: no node may be there to follow it. */
function explainWish(picture: TenantPicture): readonly Explanation[] {
  const { tenant, nodes, isServed } = picture
  const { id } = tenant
  if (nodes.some((each) => each.tenant !== null)) return []
  const unassigned = isServed
    ? blocked('tenant.unassigned', `No node runs tenant ${id} yet; each node takes it up when it next reads what is wanted.`)
    : blocked(
        'tenant.unassigned',
        `No node runs tenant ${id}, because no node with the role all or worker is alive; messages are accepted and wait.`,
      )
  return [...toWish(picture), unassigned]
}

/** What was asked for, where actors that run nothing speak of other things: it holds when their trouble is over. */
function explainWishBeside(picture: TenantPicture, causes: readonly Explanation[]): readonly Explanation[] {
  const { nodes } = picture
  if (nodes.some(runsMessages) || nodes.every(({ tenant }) => tenant === null)) return []
  return causes.some(isWish) ? [] : toWish(picture)
}

export const isDeletion = (blockedBy: string | null): boolean => blockedBy === 'tenant.deleting' || blockedBy === 'tenant.deleted'

const stops: ReadonlySet<string | null> = new Set(['tenant.paused', 'tenant.draining', 'tenant.drained'])

/** True for what somebody has asked for: it does not pass by itself. */
export const isWish = ({ blockedBy }: Explanation): boolean => stops.has(blockedBy) || isDeletion(blockedBy)

/** Nothing for a tenant that is to run. */
function toWish({ tenant: { id, status }, depth }: TenantPicture): readonly Explanation[] {
  const waiting = depth ? `; ${depth.ready} ${depth.ready === 1 ? 'is' : 'are'} in its queue` : ''
  const remedy = remedies.resume(id)
  switch (status) {
    case 'active':
      return []
    case 'paused':
      return [blocked('tenant.paused', `Tenant ${id} is paused: messages are accepted and wait${waiting}.`, { remedy })]
    case 'drained':
      return [blocked('tenant.drained', `Tenant ${id} is drained and takes no messages.`, { remedy })]
    case 'deleting':
      return [blocked('tenant.deleting', `Tenant ${id} is being deleted.`)]
  }
}

/**
 * What the actors that do not run messages say: once for each kind of trouble, with the node where others differ. Of several
 * nodes one that still holds messages speaks for all.
 */
function explainNodes({ nodes }: TenantPicture): readonly Explanation[] {
  const held = nodes.filter(({ tenant }) => tenant !== null).toSorted((a, b) => Number(a.session === null) - Number(b.session === null))
  const found = new Map<string, Explanation>()
  for (const { node, tenant } of held) {
    const explanation = tenant?.explanation
    if (!explanation?.blockedBy || found.has(explanation.blockedBy)) continue
    const isEverywhere = held.every((each) => each.tenant?.explanation.blockedBy === explanation.blockedBy)
    found.set(explanation.blockedBy, isEverywhere ? explanation : onNode(explanation, node))
  }
  return [...found.values()]
}

const onNode = (explanation: Explanation, node: string): Explanation => ({
  ...explanation,
  sentence: `${explanation.sentence.replace(/\.$/, '')} (on node ${node}).`,
})

/** Only where no actor says it. */
function explainSilence({ tenant, isBrokerSilent }: TenantPicture, causes: readonly Explanation[]): readonly Explanation[] {
  if (!isBrokerSilent || causes.some(({ blockedBy }) => blockedBy === 'broker.unavailable')) return []
  return [blocked('broker.unavailable', `The broker does not answer, so nobody can tell what waits in the queue of tenant ${tenant.id}.`)]
}

function explainBrokerAlarm({ tenant, nodes }: TenantPicture): readonly Explanation[] {
  if (!nodes.some(({ link }) => link === 'blocked')) return []
  const sentence = `The broker has raised an alarm and takes no new messages of tenant ${tenant.id}; what it holds is still delivered.`
  return [blocked('broker.blocked', sentence)]
}

/** Of several nodes' circuits for a destination the one that lasts longest. */
function explainCircuits({ tenant, nodes, nowMs }: TenantPicture): readonly Explanation[] {
  const latest = new Map<string, number>()
  for (const { destination, untilMs } of nodes.flatMap(({ circuits }) => circuits)) {
    latest.set(destination, Math.max(untilMs, latest.get(destination) ?? 0))
  }
  return [...latest].map(([destination, untilMs]) => {
    const sentence = `Messages of tenant ${tenant.id} for ${destination} are put off, because its circuit is open after failures in a row; it lets a probe through by itself.`
    return blocked('circuit.open', sentence, { until: future(untilMs, nowMs) })
  })
}

function explainBusy({ tenant, nodes, depth, nowMs }: TenantPicture): readonly Explanation[] {
  const active = nodes.filter(runsMessages)
  const workers = active.reduce((sum, each) => sum + (each.tenant?.workers ?? 0), 0)
  const runs = active.flatMap(({ node, session }) => (session?.running ?? []).map((run) => ({ ...run, node })))
  const waiting = (depth?.ready ?? 0) + active.reduce((sum, { session }) => sum + (session?.inMailbox ?? 0), 0)
  const [longest] = runs.toSorted((a, b) => a.sinceMs - b.sinceMs)
  if (!longest || runs.length < workers || waiting === 0) return []
  const where = active.length > 1 ? ` of node ${longest.node}` : ''
  const all = workers === 1 ? 'The only worker' : `All ${workers} workers`
  const sentence = `${all} of tenant ${tenant.id} ${workers === 1 ? 'is' : 'are'} busy while ${count(waiting, 'message')} ${waiting === 1 ? 'waits' : 'wait'}; worker ${longest.worker}${where} has run message ${longest.messageId} longest, for ${sinceText(longest.sinceMs, nowMs)}.`
  return [blocked('workers.busy', sentence, { remedy: remedies.resize(tenant.id, tenant.workers) })]
}

function explainBacklog({ tenant, nodes, depth, isBrokerSilent, nowMs }: TenantPicture): readonly Explanation[] {
  if (isBrokerSilent) return []
  const ready = depth?.ready ?? 0
  const inFlight = nodes.reduce((sum, { session }) => sum + (session?.inFlight ?? 0), 0)
  if (ready + inFlight === 0) return []
  const what = `Tenant ${tenant.id} has ${count(ready, 'message')} in its queue and ${inFlight} in flight`
  if (!nodes.some(runsMessages)) return [ready > 0 ? blocked('queue.waiting', `${what}.`) : atRest(`${what}.`)]
  const rate = sumRate(nodes)
  if (rate === 0) return [blocked('queue.backlog', `${what}; none was processed in the last minute.`)]
  const lengthMs = ((ready + inFlight) / rate) * 1_000
  const sentence = `${what}, and processes about ${toRate(rate)} per second: they are done in about ${lengthText(lengthMs)}.`
  return [blocked('queue.backlog', sentence, { until: future(nowMs + lengthMs, nowMs) })]
}

export const sumRate = (nodes: readonly NodeFacts[]): number => nodes.reduce((sum, { ratePerSecond }) => sum + ratePerSecond, 0)

const toRate = (rate: number): string => (rate < 10 ? rate.toFixed(1) : String(Math.round(rate)))

/** `wish` is what keeps them from being run at their time. */
function explainRetries({ tenant, retries, nowMs }: TenantPicture, wish?: Explanation): readonly Explanation[] {
  const { count: pending, nextRetryAt: next } = retries ?? { count: 0, nextRetryAt: null }
  if (pending === 0) return []
  const when = next === null ? '' : next.getTime() > nowMs ? `; the next is due at ${next.toISOString()}` : '; the next is due now'
  const sentence = `${count(pending, 'message')} of tenant ${tenant.id} ${pending === 1 ? 'has' : 'have'} failed and ${pending === 1 ? 'waits' : 'wait'} for another attempt`
  if (wish) return [blocked('retry.waiting', `${sentence}; ${outlook(wish)}.`)]
  return [
    blocked('retry.waiting', `${sentence}${when}.`, { until: next && future(next.getTime(), nowMs), remedy: remedies.retryAll(tenant.id) }),
  ]
}

function explainSchedules({ tenant, nextScheduledAt: next, nowMs }: TenantPicture, wish?: Explanation): readonly Explanation[] {
  if (next === null) return []
  const sentence = `Scheduled messages of tenant ${tenant.id} wait for their time`
  if (wish) return [blocked('schedule.waiting', `${sentence}; ${outlook(wish)}.`)]
  const when = next.getTime() > nowMs ? `at ${next.toISOString()}` : 'now'
  return [
    blocked('schedule.waiting', `${sentence}; the next is due ${when}.`, {
      until: future(next.getTime(), nowMs),
    }),
  ]
}

const outlook = ({ blockedBy }: Explanation): string =>
  isDeletion(blockedBy) ? 'they are discarded with the tenant' : 'none is run before the tenant is resumed'
