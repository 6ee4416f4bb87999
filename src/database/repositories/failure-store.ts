/** The failure store on PostgreSQL. */
import type { FailureStore } from '../../core/ports/failure-store.ts'
import type { Statements } from '../client.ts'
import type { SlowWork } from '../slow-work.ts'
import { claimDue } from './failure-store-claim-due.ts'
import { findOverdueTenants, giveBackClaims, giveUpClaim, markRepublished, recoverLost } from './failure-store-claimed.ts'
import { discardFailed, retryFailed } from './failure-store-commands.ts'
import { recordDeadLetter } from './failure-store-dead-letters.ts'
import { countFailed, findFailed, listFailed, readFailedStats, readPending } from './failure-store-reads.ts'

export const createFailureStore = (requests: Statements, service: Statements, slowWork: SlowWork): FailureStore => ({
  list: (query) => slowWork.read(() => listFailed(requests, query), query.tenantId),
  find: (tenantId, id) => findFailed(requests, tenantId, id),
  pending: (tenantId) => slowWork.read(() => readPending(requests, tenantId), tenantId),
  stats: (tenantId) => slowWork.read(() => readFailedStats(requests, tenantId), tenantId),
  count: (tenantId, filter) => slowWork.read(() => countFailed(requests, tenantId, filter), tenantId),
  retry: (tenantId, filter) => retryFailed({ client: requests, slowWork }, tenantId, filter),
  discard: (tenantId, filter) => discardFailed({ client: requests, slowWork }, tenantId, filter),
  claimDue: (options) => claimDue(service, options),
  republished: (claims) => markRepublished(service, claims),
  giveBack: (claims, delayMs) => giveBackClaims(service, claims, delayMs),
  giveUp: (claim, reason) => slowWork.background(() => giveUpClaim(service, claim, reason)),
  overdue: (olderThanMs) => findOverdueTenants(service, olderThanMs),
  recover: (tenantId, olderThanMs) => recoverLost(service, tenantId, olderThanMs),
  recordDeadLetter: (letter) => slowWork.background(() => recordDeadLetter(service, letter)),
})
