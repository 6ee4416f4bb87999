/** What the janitor does at each round. */
import type { TenantId } from '../../src/core/ids.ts'
import { readRetentionMs } from '../../src/core/tenant-config.ts'
import type { ActorPorts } from '../ports.ts'

type CleaningPorts = Pick<ActorPorts, 'broker' | 'failures' | 'nodes' | 'retention' | 'tenants' | 'policy' | 'log'>

/** A retry without an outcome for so long is looked for in its queue. */
const lostAfterMs = 600_000
/** After so long nobody looks: behind a queue that is never empty it could be neither found nor missed. */
const lostForSureMs = 3_600_000
const dayMs = 86_400_000
const batchSize = 1_000
const batchesPerRound = 100

/**
 * Retries that are in no queue and with no worker are due again: somebody has purged the queue, or taken it away. One that is
 * brought back by mistake does no harm: its attempt is recorded once.
 */
export async function recoverLostRetries(ports: CleaningPorts, inFlightHere: (tenantId: TenantId) => number): Promise<void> {
  for (const tenantId of await ports.failures.overdue(lostAfterMs)) {
    const isEmpty = await holdsNothing(ports, tenantId, inFlightHere(tenantId))
    const count = await ports.failures.recover(tenantId, isEmpty ? lostAfterMs : lostForSureMs)
    if (count > 0) ports.log.warn('retries that their queue had lost are due again', { tenant_id: tenantId, count })
  }
}

/** False for a queue that nobody can look at now, too: it costs the other tenants nothing, and there is a next round. */
async function holdsNothing({ broker, nodes }: CleaningPorts, tenantId: TenantId, inFlightHere: number): Promise<boolean> {
  const depth = await broker.depth(tenantId).catch(() => undefined)
  if (!depth || depth.ready > 0 || (depth.unacked ?? 0) > 0 || inFlightHere > 0) return false
  return (await nodes.reportsOf([tenantId])).every((report) => report.inFlight === 0)
}

/** Removes what is older than each tenant keeps it, and old entries of the audit log, in batches, while no other node does. */
export async function removeExpired(ports: CleaningPorts, signal: AbortSignal): Promise<void> {
  await ports.retention.whileAlone(async () => {
    await untilDone(signal, () => ports.retention.removeExpiredKeys(batchSize))
    await untilDone(signal, () => ports.retention.removeExpiredSessions(batchSize))
    const { messagesDays, failuresDays, auditDays } = ports.policy.retention
    if (auditDays > 0) await untilDone(signal, () => ports.retention.removeAuditEntries(auditDays * dayMs, batchSize))
    for (const { id, config } of await ports.tenants.desired()) {
      const messagesMs = readRetentionMs(config, 'messages_days', messagesDays)
      const failuresMs = readRetentionMs(config, 'failures_days', failuresDays)
      if (messagesMs !== undefined) await untilDone(signal, () => ports.retention.removeMessages(id, messagesMs, batchSize))
      if (failuresMs !== undefined) await untilDone(signal, () => ports.retention.removeFailures(id, failuresMs, batchSize))
    }
  })
}

/** One tenant's million rows leave something to the next rounds, and something for the others. */
async function untilDone(signal: AbortSignal, remove: () => Promise<number>): Promise<void> {
  for (let batch = 0; batch < batchesPerRound && !signal.aborted; batch++) if ((await remove()) < batchSize) return
}
