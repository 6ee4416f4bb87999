/** Says in one sentence what keeps due messages from going back to their queues. */

import { atRest, blocked, future, toDetail } from '../../src/core/explanation.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import { longestBackoffMs } from '../broker-link/explain.ts'
import { type ExplainFacts, endOf, isLinkDown, linkTrouble, type Snapshot } from '../explanation.ts'
import type { RetrySchedulerContext } from './machine.ts'

/** The machine's longest sleep; a test compares them. */
export const longestSleepMs = 10_000

/** Errors: none; total. */
export function explainRetryScheduler(snapshot: Snapshot<RetrySchedulerContext>, facts: ExplainFacts): Explanation {
  const { context } = snapshot
  if (snapshot.matches('parked')) return explainParked(facts)
  if (snapshot.matches('waiting')) {
    return atRest('The retry scheduler sleeps until the next failed or scheduled message is due.', { until: wakesAt(context, facts) })
  }
  if (snapshot.matches('claiming')) return atRest('The retry scheduler takes the messages that are due.')
  if (snapshot.matches('republishing')) return atRest('The retry scheduler puts the messages that it has taken back in their queues.')
  const code = facts.isDatabaseAway ? 'database.unavailable' : isLinkDown(facts.link) ? 'broker.unavailable' : 'retry_scheduler.failing'
  const detail = toDetail(context.reason)
  if (snapshot.matches('failing')) return blocked(code, 'The retry scheduler has failed and counts the failure.', { detail })
  const sentence = `The retry scheduler waits before it looks again after failure ${context.attempt}.`
  // Its next attempt brings back neither the broker nor the database.
  const until = code === 'retry_scheduler.failing' ? endOf(facts, longestBackoffMs(context.attempt, context.backoff)) : null
  return blocked(code, sentence, { until, detail })
}

function explainParked({ link }: ExplainFacts): Explanation {
  const rests = 'The retry scheduler rests, and what is due waits in the database'
  if (link === 'blocked') return blocked('broker.blocked', `${rests}, because ${linkTrouble.blocked}.`)
  const why = isLinkDown(link) ? linkTrouble[link] : 'it has not heard from the broker yet'
  return blocked('broker.unavailable', `${rests}, because ${why}.`)
}

/** As the machine reckons it when it goes to sleep. */
function wakesAt({ wakeAtMs, spacingMs }: RetrySchedulerContext, facts: ExplainFacts): Date | null {
  if (facts.sinceMs === undefined) return null
  return future(Math.min(facts.sinceMs + longestSleepMs, Math.max(facts.sinceMs + spacingMs, wakeAtMs)), facts.nowMs)
}
