/** Says in one sentence whether outcomes can be written. */
import { atRest, blocked, toDetail } from '../../src/core/explanation.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import { longestBackoffMs } from '../broker-link/explain.ts'
import { type ExplainFacts, endOf, type Snapshot } from '../explanation.ts'
import type { LedgerContext } from './machine.ts'

/** Errors: none; total. */
export function explainLedger(snapshot: Snapshot<LedgerContext>, facts: ExplainFacts): Explanation {
  const { attempt, reason, backoff } = snapshot.context
  const detail = toDetail(reason)
  if (snapshot.matches('up')) return atRest('The ledger writes outcomes to the database.')
  if (snapshot.matches({ stalled: 'probing' })) {
    return blocked('database.unavailable', 'The ledger cannot write, and asks the database for a sign of life.', { detail })
  }
  if (snapshot.matches('stalled')) {
    const sentence = `The ledger cannot write, keeps outcomes in memory, and waits before probe ${attempt} of the database.`
    return blocked('database.unavailable', sentence, { until: endOf(facts, longestBackoffMs(attempt, backoff)), detail })
  }
  return blocked('ledger.resuming', 'The database answers again, and the ledger writes what has waited before the tenants go on.')
}

/** True while outcomes cannot be written. */
export const isStalled = (snapshot: Pick<Snapshot<unknown>, 'matches'>): boolean => snapshot.matches('stalled')
