/** Many requests that are nearly as documented: no 5xx, always a proper answer, no word of another tenant. */
import { createRandom } from '../../../support/random.ts'
import { complaintsAbout } from '../../answers.ts'
import { createLedger, type SuiteResult } from '../../finding.ts'
import { inLanes } from '../../lanes.ts'
import { createCalls } from '../../stage/calls.ts'
import { removeStrangers } from '../../stage/remove-strangers.ts'
import type { SuiteOptions } from '../suite.ts'
import { makeRequest } from './mutate-request.ts'

export async function fuzz({ stage, profile, seed, say }: SuiteOptions): Promise<SuiteResult> {
  const ledger = createLedger('fuzz')
  for (const operation of stage.operations) {
    const startedMs = performance.now()
    const random = createRandom(seed).fork(operation.id)
    const calls = await createCalls(stage, operation, profile.fuzzRequests)
    await inLanes(profile.lanes, Array(profile.fuzzRequests).keys(), async () => {
      const sent = makeRequest(operation, calls.next(random), random)
      const answer = await stage.client.send(sent)
      ledger.answered(operation.id, answer)
      for (const complaint of complaintsAbout(stage, operation, sent, answer)) ledger.found(operation.id, complaint, sent, answer)
    })
    await removeStrangers(stage)
    say(`fuzz ${operation.id}: ${profile.fuzzRequests} requests in ${Math.round(performance.now() - startedMs)} ms`)
  }
  return ledger.result()
}
