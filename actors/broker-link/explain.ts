/** Says in one sentence how the node's link to its broker stands. */
import { type BackoffPolicy, computeBackoffMs } from '../../src/core/backoff.ts'
import { atRest, blocked, toDetail } from '../../src/core/explanation.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import { type ExplainFacts, endOf, type LinkCondition, type Snapshot } from '../explanation.ts'
import type { BrokerLinkContext } from './machine.ts'

/** Errors: none; total. */
export function explainBrokerLink(snapshot: Snapshot<BrokerLinkContext>, facts: ExplainFacts): Explanation {
  const { attempt, reason, backoff } = snapshot.context
  const detail = toDetail(reason)
  switch (toLinkCondition(snapshot)) {
    case 'up':
      return atRest('The node is connected to its broker, which takes and delivers messages.')
    case 'blocked':
      return blocked('broker.blocked', `The broker has raised an alarm and takes no messages, while deliveries go on.`, { detail })
    case 'connecting':
      return blocked('broker.unavailable', `The node connects to its broker, attempt ${attempt + 1}.`, { detail })
    case 'away': {
      // The wait is drawn by lot: this is the longest it can be. When the broker is back, nobody knows.
      const again = endOf(facts, longestBackoffMs(attempt, backoff))
      const when = again === null ? '' : `, by ${again.toISOString()} at the latest`
      const sentence = `The broker is away; after failure ${attempt} the node waits before it connects again${when}.`
      return blocked('broker.unavailable', sentence, { detail })
    }
  }
}

/** Errors: none; total over the machine's states. */
export function toLinkCondition(snapshot: Pick<Snapshot<unknown>, 'matches'>): LinkCondition {
  if (snapshot.matches({ up: 'blocked' })) return 'blocked'
  if (snapshot.matches('up')) return 'up'
  return snapshot.matches('connecting') ? 'connecting' : 'away'
}

/** The most that `computeBackoffMs` can draw. */
export const longestBackoffMs = (attempt: number, policy: BackoffPolicy): number => computeBackoffMs(attempt, policy, () => 0)
