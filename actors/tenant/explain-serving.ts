/** Says what a tenant that is attached to its queue does: runs, with how many workers; or waits, paused or without its database. */

import { atRest, blocked, count, remedies, sinceText, toDetail } from '../../src/core/explanation.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import type { ExplainFacts, Snapshot } from '../explanation.ts'
import type { WorkerPhase } from './plan-workers.ts'
import type { TenantContext } from './setup.ts'
import { countWorkers } from './status.ts'

export function explainServing(context: TenantContext, facts: ExplainFacts, snapshot: Snapshot<TenantContext>): Explanation {
  const isIn = (inner: object): boolean => snapshot.matches({ attached: { serving: inner } })
  const { tenantId } = context
  if (isIn({ activity: 'paused' })) return explainPaused(context, facts)
  if (isIn({ activity: 'stalled' })) return explainStalled(context, facts)
  if (isIn({ activity: 'deciding' })) return blocked('tenant.deciding', `Tenant ${tenantId} is attached and looks whether to run.`)
  return isIn({ sizing: 'resizing' }) ? explainResizing(context, facts) : explainRunning(context, facts)
}

function explainPaused({ tenantId }: TenantContext, { ready }: ExplainFacts): Explanation {
  const waiting = ready === undefined ? '' : `; ${ready} ${ready === 1 ? 'is' : 'are'} in its queue`
  const sentence = `Tenant ${tenantId} is paused: messages are accepted and wait${waiting}.`
  return blocked('tenant.paused', sentence, { remedy: remedies.resume(tenantId) })
}

function explainStalled({ tenantId }: TenantContext, { session }: ExplainFacts): Explanation {
  const held = session ? `${count(session.inFlight, 'message')} that it holds` : 'what it holds'
  return blocked(
    'database.unavailable',
    `Tenant ${tenantId} keeps ${held} and begins none, because the database does not answer; it is asked until it does.`,
  )
}

function explainRunning(context: TenantContext, { session }: ExplainFacts): Explanation {
  const { tenantId, reason, workers } = context
  const crashed = inPhase(workers, 'crashed')
  const running = countWorkers(context)
  if (crashed.length > 0) {
    const sentence = `Tenant ${tenantId} runs with ${running} of ${count(running + crashed.length, 'worker')}; ${name(crashed)} crashed and ${crashed.length === 1 ? 'is' : 'are'} started again.`
    const detail = toDetail(reason)
    return running === 0 ? blocked('worker.crashed', sentence, { detail }) : atRest(sentence, { detail })
  }
  const busy = session ? `; ${session.running.length} ${session.running.length === 1 ? 'is' : 'are'} busy` : ''
  return atRest(`Tenant ${tenantId} runs with ${count(running, 'worker')}${busy}.`)
}

/** New workers start at once; it is the surplus ones that may take long. */
function explainResizing(context: TenantContext, { session, nowMs }: ExplainFacts): Explanation {
  const { tenantId, desired, workers } = context
  const finishing = inPhase(workers, 'finishing')
  const sizes = `Tenant ${tenantId} runs, and goes to ${count(desired.workers, 'worker')}`
  if (finishing.length === 0) return blocked('tenant.resizing', `${sizes}; it has ${countWorkers(context)} now.`)
  const longest = session?.running.filter(({ worker }) => finishing.includes(worker)).toSorted((a, b) => a.sinceMs - b.sinceMs)[0]
  if (!longest) return blocked('worker.finishing', `${sizes}; ${name(finishing)} ${finishing.length === 1 ? 'finishes' : 'finish'} first.`)
  const others = finishing.length === 1 ? '' : ` and ${count(finishing.length - 1, 'other worker')} finish too`
  const sentence = `${sizes}; worker ${longest.worker} has been finishing message ${longest.messageId} for ${sinceText(longest.sinceMs, nowMs)}${others}.`
  return blocked('worker.finishing', sentence)
}

const inPhase = (workers: Readonly<Record<number, WorkerPhase>>, wanted: WorkerPhase): readonly number[] =>
  Object.entries(workers).flatMap(([index, phase]) => (phase === wanted ? [Number(index)] : []))

const name = (indexes: readonly number[]): string => (indexes.length === 1 ? `worker ${indexes[0]}` : `workers ${indexes.join(', ')}`)
