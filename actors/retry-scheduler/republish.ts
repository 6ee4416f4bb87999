/** Puts claimed messages in their queues: asks the handlers, publishes with confirm, and says in the database what has become of them. */
import pLimit from 'p-limit'
import { AppError, errorText } from '../../src/core/errors.ts'
import type { TenantId } from '../../src/core/ids.ts'
import type { OutboundMessage } from '../../src/core/message.ts'
import type { ClaimedRetry } from '../../src/core/ports/failure-store.ts'
import type { ClaimedSchedule } from '../../src/core/ports/schedule-store.ts'
import { readConfirmed } from '../../src/core/publish-batch.ts'
import { within } from '../../src/core/within.ts'
import type { ActorPorts } from '../ports.ts'
import type { Trouble } from './trouble.ts'

export interface Claims {
  readonly retries: readonly ClaimedRetry[]
  readonly schedules: readonly ClaimedSchedule[]
  /** By `performance.now()`. */
  readonly claimedAtMs: number
}

export type RepublishPorts = Pick<ActorPorts, 'broker' | 'failures' | 'schedules' | 'handlers' | 'metrics' | 'tracing' | 'log'>

/** What the rounds of one scheduler share. */
export interface RepublishRounds {
  readonly configOf: (tenantId: TenantId) => Readonly<Record<string, unknown>>
  readonly trouble: Trouble
  /** Rounds that go on while nobody waits for them. */
  late: number
}

const tenantsAtOnce = 8
const hooksAtOnce = 32
/** So long a round is waited for. Tenants whose hooks take longer go on by themselves: they hold up nobody else. */
const patienceMs = 250
/** More of such rounds are not begun: each holds its messages in memory. */
const maxLateRounds = 4
/** What was claimed longer ago is left alone: another node may have it when its lease ends. */
const heldForMs = 20_000
/** So long parts of a tenant's batch are sent: with the last one's confirm it ends within the lease. */
const publishingMs = 4_000

/**
 * Errors: AppError when the database is away, or the broker: what was claimed is given back where that is possible, and is
 * due again when its lease ends.
 */
export async function republish(claims: Claims, ports: RepublishPorts, rounds: RepublishRounds, signal: AbortSignal): Promise<void> {
  const byTenant = Map.groupBy([...claims.retries, ...claims.schedules], ({ message }) => message.tenantId)
  const limit = pLimit(tenantsAtOnce)
  const release = async (group: readonly Claim[]): Promise<void> => {
    const wanted = await keepWanted(group, ports, rounds.configOf, signal)
    await limit(async () => {
      const isHeld = performance.now() - claims.claimedAtMs < heldForMs
      if (isHeld && wanted.length > 0) await publishGroup(wanted, ports, rounds.trouble)
    })
  }
  const all = Promise.allSettled([...byTenant.values()].map(release))
  const failed = all.then((results) => results.find((result) => result.status === 'rejected'))
  const ended = rounds.late < maxLateRounds ? await within(failed, patienceMs, () => 'late' as const) : await failed
  if (ended === 'late') {
    rounds.late++
    void failed.then((failure) => {
      rounds.late--
      if (failure) logLate(ports, failure.reason)
    })
  } else if (ended) throw ended.reason
}

const logLate = (ports: RepublishPorts, reason: unknown): void =>
  ports.log.warn('due messages could not go to their queues; they are due again when their lease ends', { reason: errorText(reason) })

type Claim = ClaimedRetry | ClaimedSchedule

const isRetry = (claim: Claim): claim is ClaimedRetry => 'failed' in claim
const split = (group: readonly Claim[]) => ({
  retries: group.filter(isRetry),
  scheduled: group.filter((claim): claim is ClaimedSchedule => !isRetry(claim)),
})

async function publishGroup(group: readonly Claim[], ports: RepublishPorts, trouble: Trouble): Promise<void> {
  const { tenantId } = (group[0] as Claim).message
  const messages = group.map(({ message }): OutboundMessage => message)
  const spans = ports.tracing && messages.map((message) => ({ id: message.id, span: ports.tracing?.resend(message) }))
  try {
    await ports.broker.publishBatch(messages, { patience: AbortSignal.timeout(publishingMs) })
  } catch (error) {
    const confirmed = readConfirmed(error)
    for (const { id, span } of spans ?? []) span?.end(confirmed.has(id) ? undefined : error)
    const open = group.filter(({ message }) => !confirmed.has(message.id))
    const delayMs = trouble.noted(tenantId)
    ports.log.warn('due messages could not go to their queue; trying again', {
      tenant_id: tenantId,
      count: open.length,
      in_ms: delayMs,
      reason: errorText(error),
    })
    const { retries, scheduled } = split(open)
    await Promise.all([
      ports.failures.giveBack(retries, delayMs),
      ports.schedules.giveBack(scheduled, delayMs),
      notePublished(
        group.filter(({ message }) => confirmed.has(message.id)),
        ports,
      ),
    ])
    if (error instanceof AppError && (error.code === 'broker.unavailable' || error.code === 'broker.blocked')) throw error
    return
  }
  for (const { span } of spans ?? []) span?.end()
  trouble.over(tenantId)
  await notePublished(group, ports)
}

async function notePublished(group: readonly Claim[], { failures, schedules, metrics }: RepublishPorts): Promise<void> {
  const { retries, scheduled } = split(group)
  await Promise.all([failures.republished(retries), schedules.released(scheduled)])
  if (retries.length > 0) metrics.republished('retry', retries.length)
  if (scheduled.length > 0) metrics.republished('scheduled', scheduled.length)
}

/** Those that their handlers want to try again, and what was scheduled; the others are given up, with the reason. */
async function keepWanted(
  claims: readonly Claim[],
  ports: RepublishPorts,
  configOf: (tenantId: TenantId) => Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<readonly Claim[]> {
  const limit = pLimit(hooksAtOnce)
  const wanted = await Promise.all(
    claims.map(async (claim) => {
      const shouldRetry = isRetry(claim) ? ports.handlers.find(claim.message.type).shouldRetry : undefined
      if (!isRetry(claim) || !shouldRetry) return claim
      const decision = await limit(() => shouldRetry(claim.failed, { config: configOf(claim.failed.tenantId), signal }))
      if (decision.retry) return claim
      await ports.failures.giveUp(claim, decision.reason)
      return undefined
    }),
  )
  return wanted.filter((claim) => claim !== undefined)
}
