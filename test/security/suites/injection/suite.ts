/** Payloads in every place that holds a text: no 5xx, no row too many or too few, and nothing of them is executed. */

import { eventually } from '../../../support/eventually.ts'
import { createRandom, type Random } from '../../../support/random.ts'
import { complaintsAbout } from '../../answers.ts'
import type { Answer, Sent } from '../../client.ts'
import type { Operation } from '../../document/operations.ts'
import { createLedger, type SuiteResult } from '../../finding.ts'
import { inLanes } from '../../lanes.ts'
import { createCalls } from '../../stage/calls.ts'
import { tenantFor } from '../../stage/places.ts'
import { removeStrangers } from '../../stage/remove-strangers.ts'
import type { Stage } from '../../stage/stage.ts'
import type { SuiteOptions } from '../suite.ts'
import { payloads, sleepers, sleepSeconds } from './payloads.ts'
import { injectionPlaces } from './places.ts'
import { type Allowance, compareSnapshots, readTables, takeSnapshot } from './row-counts.ts'
import { watchSleepers } from './watch-sleepers.ts'

export async function inject(options: SuiteOptions): Promise<SuiteResult> {
  const { stage, say } = options
  const ledger = createLedger('injection')
  const tables = await readTables(stage)
  ledger.note(`${payloads.length} payloads`)
  for (const operation of stage.operations) {
    const random = createRandom(options.seed).fork(operation.id)
    const pairs = injectionPlaces(operation).flatMap((place) =>
      choosePayloads(options.profile.payloadsPerPlace, random).map((text) => ({ place, text })),
    )
    const calls = await createCalls(stage, operation, pairs.length)
    const sleeping = watchSleepers(stage)
    const before = await takeSnapshot(stage, tables)
    let successes = 0
    let removed = 0
    for (const some of chunksOf(pairs)) {
      await inLanes(options.profile.lanes, some, async ({ place, text }) => {
        const sent = place.build(calls.next(random), text)
        const answer = await stage.client.send(sent)
        ledger.answered(operation.id, answer)
        if (answer.status < 300) successes++
        for (const complaint of complaintsAboutInjection(stage, operation, sent, answer)) {
          ledger.found(operation.id, `${place.name}: ${complaint}`, sent, answer)
        }
      })
      removed += await removeStrangers(stage)
    }
    await untilProcessed(stage)
    const allowance = toAllowance(stage, operation, { successes, calls: pairs.length + removed })
    for (const complaint of compareSnapshots(before, await takeSnapshot(stage, tables), allowance)) ledger.found(operation.id, complaint)
    for (const statement of await sleeping.stop()) ledger.found(operation.id, `makes the database sleep: ${statement}`)
    say(`injection ${operation.id}: ${pairs.length} requests, ${successes} of them accepted`)
  }
  return ledger.result()
}

function complaintsAboutInjection(stage: Stage, operation: Operation, sent: Sent, answer: Answer): readonly string[] {
  return [
    ...complaintsAbout(stage, operation, sent, answer),
    ...(answer.tookMs >= sleepSeconds * 1000 ? [`answered after ${sleepSeconds} s`] : []),
    ...(answer.headers['x-injected'] === undefined ? [] : ['a header is injected']),
  ]
}

function toAllowance(stage: Stage, operation: Operation, counts: Pick<Allowance, 'successes' | 'calls'>): Allowance {
  const { method, action, path } = operation
  return {
    tenantId: tenantFor(stage, operation).id,
    ...counts,
    mayRemove: method === 'DELETE' || /discard|retry|cancel|^session|password|user\.change/.test(action) || path.endsWith('/auth/refresh'),
  }
}

/** After each of them, the tenants that it has made are deleted. */
const chunkSize = 400

function chunksOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / chunkSize) }, (_, n) => items.slice(n * chunkSize, (n + 1) * chunkSize))
}

/** What was published is recorded later. */
async function untilProcessed({ node, written }: Stage): Promise<void> {
  await eventually(
    async () => {
      const { queue, in_flight } = await node.api.stats(written.id)
      return queue.ready === 0 && queue.dlq === 0 && in_flight === 0
    },
    { timeoutMs: 60_000, everyMs: 50 },
  )
}

/** All, or so many that the seed chooses; one that would sleep is always among them. */
function choosePayloads(count: number, random: Random): readonly string[] {
  if (count >= payloads.length) return payloads
  return [random.pick(sleepers), ...random.shuffle(payloads).slice(0, count - 1)]
}
