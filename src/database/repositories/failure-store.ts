/** The failure store on PostgreSQL. */
import type { FailureStore } from '../../core/ports/failure-store.ts'
import type { DatabaseClient } from '../client.ts'
import type { SlowWork } from '../slow-work.ts'
import { claimDue } from './failure-store-claim-due.ts'
import { findOverdueTenants, giveBackClaims, giveUpClaim, markRepublished, recoverLost } from './failure-store-claimed.ts'
import { discardFailed, retryFailed } from './failure-store-commands.ts'
import { recordDeadLetter } from './failure-store-dead-letters.ts'
import { countFailed, findFailed, listFailed, readFailedStats } from './failure-store-reads.ts'

export const createFailureStore = (client: DatabaseClient, slowWork: SlowWork): FailureStore => ({
  list: (query) => slowWork.read(() => listFailed(client, query)),
  find: (tenantId, id) => findFailed(client, tenantId, id),
  stats: (tenantId) => slowWork.read(() => readFailedStats(client, tenantId)),
  count: (tenantId, filter) => slowWork.read(() => countFailed(client, tenantId, filter)),
  retry: (tenantId, filter) => retryFailed({ client, slowWork }, tenantId, filter),
  discard: (tenantId, filter) => discardFailed({ client, slowWork }, tenantId, filter),
  claimDue: (options) => claimDue(client, options),
  republished: (claims) => markRepublished(client, claims),
  giveBack: (claims, delayMs) => giveBackClaims(client, claims, delayMs),
  giveUp: (claim, reason) => slowWork.background(() => giveUpClaim(client, claim, reason)),
  overdue: (olderThanMs) => findOverdueTenants(client, olderThanMs),
  recover: (tenantId, olderThanMs) => recoverLost(client, tenantId, olderThanMs),
  recordDeadLetter: (letter) => slowWork.background(() => recordDeadLetter(client, letter)),
})
