/** Says in one sentence what the janitor is at. */

import { atRest } from '../../src/core/explanation.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import { type ExplainFacts, endOf, type Snapshot } from '../explanation.ts'
import type { JanitorInput } from './machine.ts'

/** Nodes that were started together do not clean together: the wait is up to a tenth longer. */
const longest = 1.1

/** Errors: none; total. */
export function explainJanitor(snapshot: Snapshot<JanitorInput>, facts: ExplainFacts): Explanation {
  const { intervalMs } = snapshot.context
  if (snapshot.matches('cleaning'))
    return atRest('The janitor brings back retries that were lost, and removes what is older than its tenant keeps it.')
  return atRest(`The janitor rests; it makes a round about every ${Math.round(intervalMs / 1_000)} s.`, {
    until: endOf(facts, intervalMs * longest),
  })
}
