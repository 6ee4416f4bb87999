/** Every id of a path or a query × own, another tenant's, a deleted tenant's, random, malformed: what is not the caller's does not exist. */
import { createRandom } from '../../../support/random.ts'
import { complaintsAbout } from '../../answers.ts'
import type { Answer, Sent } from '../../client.ts'
import type { Operation } from '../../document/operations.ts'
import { sample } from '../../document/sample.ts'
import { createLedger, type SuiteResult } from '../../finding.ts'
import { inLanes } from '../../lanes.ts'
import { createCalls } from '../../stage/calls.ts'
import { toPath } from '../../stage/places.ts'
import type { SuiteOptions } from '../suite.ts'
import { differenceOf } from './compare.ts'
import { type IdPlace, idPlaces, malformedIds } from './foreign-ids.ts'

export async function tryIds({ stage, profile, seed, say }: SuiteOptions): Promise<SuiteResult> {
  const ledger = createLedger('ids')
  const pairs = stage.operations.flatMap((operation) => idPlaces(stage, operation).map((place) => ({ operation, place })))
  const tokens = { owner: stage.own.users.owner.token, viewer: stage.own.users.viewer.token, admin: stage.adminToken }
  await inLanes(profile.lanes, pairs, async ({ operation, place }) => {
    const random = createRandom(seed).fork(operation.id)
    const calls = await createCalls(stage, operation, 1)
    const body = operation.body && (calls.next(random).body ?? sample(operation.body, { random, optional: 0 }))
    const ask = async (who: keyof typeof tokens, values: Readonly<Record<string, string>>): Promise<Answer> => {
      const sent = toRequest(operation, place, values, body, tokens[who])
      const answer = await stage.client.send(sent)
      ledger.answered(operation.id, answer)
      for (const complaint of complaintsAbout(stage, operation, sent, answer))
        ledger.found(operation.id, `${place.name}: ${complaint}`, sent, answer)
      return answer
    }
    for (const who of ['owner', 'viewer'] as const) {
      const nowhere = await ask(who, place.random())
      for (const kind of ['other', 'deleted'] as const) {
        const answer = await ask(who, place[kind])
        const difference = differenceOf(answer, nowhere)
        if (difference !== undefined) {
          const sent = toRequest(operation, place, place[kind], body, tokens[who])
          ledger.found(
            operation.id,
            `${place.name}: the ${kind} tenant’s differs from a random one for the ${who}: ${difference}`,
            sent,
            answer,
          )
        }
        // What answers about an id that nobody has (an explanation) answers alike: that was compared.
        if (answer.status < 400 && nowhere.status >= 400 && kind === 'other')
          ledger.found(operation.id, `${place.name}: ${who} reaches the other tenant’s`, undefined, answer)
      }
    }
    if (operation.method === 'GET') {
      const answer = await ask('owner', place.own)
      if (answer.status >= 400 && !isForAdmins(answer))
        ledger.found(operation.id, `${place.name}: the owner is told ${answer.status}`, undefined, answer)
    }
    for (const text of malformedIds) {
      for (const who of ['owner', 'admin'] as const) {
        const answer = await ask(who, place.malformed(text))
        if (answer.status < 400) ledger.found(operation.id, `${place.name}: ${JSON.stringify(text)} is taken for an id`, undefined, answer)
      }
    }
  })
  say(`ids: ${pairs.length} places`)
  return ledger.result()
}

const isForAdmins = ({ status }: Answer): boolean => status === 403

function toRequest(operation: Operation, place: IdPlace, values: Readonly<Record<string, string>>, body: unknown, token: string): Sent {
  const { method } = operation
  const path = place.in === 'path' ? toPath(operation, values) : `${operation.path}?${new URLSearchParams(values)}`
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  return {
    ...{ method, path },
    headers: { authorization: `Bearer ${token}`, ...(bytes ? { 'content-type': 'application/json' } : {}) },
    ...(bytes ? { body: bytes } : {}),
  }
}
