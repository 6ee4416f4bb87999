/** Says in one sentence what a worker is at. */

import { asClause, atRest, blocked, sinceText, toDetail, toFuture } from '../../src/core/explanation.ts'
import type { Explanation } from '../../src/core/ports/inspection.ts'
import type { ExplainFacts, Snapshot } from '../explanation.ts'
import type { WorkerContext } from './machine.ts'

/** `tenant` is what its tenant says: an idle worker may be idle because its tenant takes nothing. Errors: none; total. */
export function explainWorker(snapshot: Snapshot<WorkerContext>, facts: ExplainFacts, tenant?: Explanation): Explanation {
  const { index, crashed } = snapshot.context
  const run = facts.session?.running.find(({ worker }) => worker === index)
  const inHand = run ? `message ${run.messageId}, for ${sinceText(run.sinceMs, facts.nowMs)} now` : undefined
  const until = toFuture(run?.untilMs, facts.nowMs)
  if (snapshot.matches('idle')) {
    if (tenant?.blockedBy && (facts.session?.inMailbox ?? 0) > 0) {
      return { ...tenant, sentence: `Worker ${index} waits although messages have arrived, because ${asClause(tenant.sentence)}.` }
    }
    return atRest(`Worker ${index} is idle and waits for messages.`)
  }
  if (snapshot.matches({ busy: 'finishing' })) {
    const sentence = inHand
      ? `Worker ${index} stops when it has finished ${inHand}.`
      : `Worker ${index} stops as soon as it has nothing in hand.`
    return blocked('handler.running', sentence, { until })
  }
  if (snapshot.matches('busy')) {
    return atRest(inHand ? `Worker ${index} runs ${inHand}.` : `Worker ${index} works through the mailbox.`, { until })
  }
  if (crashed !== undefined)
    return blocked('worker.crashed', `Worker ${index} has crashed, and its tenant starts another.`, { detail: toDetail(crashed) })
  return blocked('worker.stopped', `Worker ${index} has stopped, as it was asked to.`)
}
