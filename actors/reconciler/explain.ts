/** Says in one sentence what the reconciler is at. */

import { atRest, blocked, count } from '../../src/core/explanation.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import { type ExplainFacts, endOf, type Snapshot } from '../explanation.ts'
import type { ReconcilerContext } from './machine.ts'

/** The machine's own; a test compares them. */
export const reconcilerDelaysMs = { retry: 500 } as const

/** Errors: none; total. */
export function explainReconciler(snapshot: Snapshot<ReconcilerContext>, facts: ExplainFacts): Explanation {
  const { intervalMs, taken } = snapshot.context
  if (snapshot.matches('waiting')) {
    return atRest(`The reconciler waits for a hint; it reads the desired state of every tenant each ${intervalMs / 1_000} s.`)
  }
  if (snapshot.matches('reading')) {
    const what = taken.all ? 'every tenant' : count(taken.hinted.length, 'tenant')
    return atRest(`The reconciler reads the desired state of ${what} from the database.`)
  }
  const sentence = 'The reconciler could not read the desired state from the database, and waits before it reads everything.'
  return blocked('database.unavailable', sentence, { until: endOf(facts, reconcilerDelaysMs.retry) })
}
