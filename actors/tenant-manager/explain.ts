/** Says in one sentence what the node is at. */

import { atRest, blocked, count, toFuture } from '../../src/core/explanation.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import type { ExplainFacts, Snapshot } from '../explanation.ts'
import type { TenantManagerContext } from './machine.ts'

/** Errors: none; total. */
export function explainTenantManager(snapshot: Snapshot<TenantManagerContext>, { drainEndsAtMs, nowMs }: ExplainFacts): Explanation {
  const { runsTenants, told, supervisors } = snapshot.context
  if (snapshot.matches('running')) {
    return atRest(
      runsTenants
        ? `The node runs, and looks after ${count(Object.keys(told).length, 'tenant')}.`
        : 'The node runs and serves the API; it runs no tenants.',
    )
  }
  if (snapshot.matches('draining')) {
    return blocked(
      'node.draining',
      `The node stops: ${count(supervisors.length, 'supervisor')} still wait${supervisors.length === 1 ? 's' : ''} for tenants to finish.`,
      { until: toFuture(drainEndsAtMs, nowMs) },
    )
  }
  return blocked('node.draining', 'The node has stopped: no tenant runs here any more.')
}
