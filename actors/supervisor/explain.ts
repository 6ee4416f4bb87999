/** Says in one sentence what a supervisor is at. */

import { atRest, blocked, count, toFuture } from '../../src/core/explanation.ts'
import type { TenantId } from '../../src/core/ids.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import type { ExplainFacts, Snapshot } from '../explanation.ts'
import type { SupervisorContext } from './machine.ts'

export interface SupervisorSnapshot extends Snapshot<SupervisorContext> {
  readonly children: Readonly<Record<string, unknown>>
}

/** Errors: none; total. */
export function explainSupervisor(snapshot: SupervisorSnapshot, { drainEndsAtMs, nowMs }: ExplainFacts): Explanation {
  const all = Object.keys(snapshot.context.desired) as TenantId[]
  const waiting = all.filter((tenantId) => isRestarting(snapshot, tenantId)).length
  if (snapshot.matches('supervising')) {
    const rest = waiting === 0 ? '' : `; ${waiting} crashed and ${waiting === 1 ? 'is' : 'are'} started again`
    return atRest(`The supervisor looks after ${count(all.length, 'tenant')}${rest}.`)
  }
  if (snapshot.matches('ending')) {
    const sentence = `The supervisor waits for ${count(all.length, 'tenant')} to finish, because the node stops.`
    return blocked('node.draining', sentence, { until: toFuture(drainEndsAtMs, nowMs) })
  }
  return blocked('node.draining', 'The supervisor has ended, and all its tenants with it.')
}

/** What becomes of a tenant that has no actor here: it has crashed and is started again. undefined for one that is not of this supervisor. */
export function explainMissingTenant(snapshot: SupervisorSnapshot, tenantId: TenantId): Explanation | undefined {
  if (!isRestarting(snapshot, tenantId)) return undefined
  const crashes = snapshot.context.crashes[tenantId]?.length ?? 0
  return blocked(
    'tenant.crashed',
    `The actor of tenant ${tenantId} has crashed ${count(crashes, 'time')} lately, and is started again soon.`,
  )
}

/** The tenant's actor has crashed, and its successor is not started yet. */
const isRestarting = ({ context, children }: SupervisorSnapshot, tenantId: TenantId): boolean =>
  context.desired[tenantId] !== undefined && children[`tenant:${tenantId}`] === undefined
