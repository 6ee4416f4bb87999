/** Every operation with every credential: what it is told is what the access table says. */
import { createRandom } from '../../../support/random.ts'
import { complaintsAbout } from '../../answers.ts'
import type { Answer, Sent } from '../../client.ts'
import type { Operation } from '../../document/operations.ts'
import { createLedger, type SuiteResult } from '../../finding.ts'
import { inLanes } from '../../lanes.ts'
import { fillPlaces, toPath } from '../../stage/places.ts'
import type { Stage } from '../../stage/stage.ts'
import type { StageTenant } from '../../stage/tenant.ts'
import type { SuiteOptions } from '../suite.ts'
import { type Expected, expect401To404 } from './expectation.ts'
import { createVariants, type Variant } from './variants.ts'

/** The node sweeps them out some time or other, which must not look like the work of another suite. */
async function removeExpired({ query }: Stage): Promise<void> {
  await query('delete from sessions where expires_at < now()')
  await query('delete from api_keys where expires_at < now()')
}

/** No operation takes it: whoever is let in is told so, and nothing is done. */
const probe = 'security-probe'
/** What Node itself says to headers that are too long. */
const headersTooLong = 431

export async function tryCredentials({ stage, profile, seed, say }: SuiteOptions): Promise<SuiteResult> {
  const ledger = createLedger('credentials')
  const variants = await createVariants(stage)
  ledger.note(`${variants.length} variants`)
  for (const answer of stage.onceDeleted.filter(({ status }) => status !== 401)) {
    ledger.found('readMe', `is told ${answer.status} right after the tenant was deleted`, undefined, answer)
  }
  const pairs = stage.operations.flatMap((operation) => {
    const random = createRandom(seed).fork(operation.id)
    const [bad, good] = [true, false].map((isBad) => variants.filter(({ shown }) => (shown.kind === 'nobody') === isBad))
    const chosen = profile.badCredentials < (bad?.length ?? 0) ? random.shuffle(bad ?? []).slice(0, profile.badCredentials) : bad
    return [...(chosen ?? []), ...(good ?? [])].map((variant) => ({ operation, variant }))
  })
  await inLanes(profile.lanes, pairs, async ({ operation, variant }) => {
    const expected = expect401To404(operation, variant.shown, stage.own.id)
    const sent = toRequest(operation, variant, toPath(operation, fillPlaces(stage, operation, stage.own)))
    const answer = await stage.client.send(sent)
    ledger.answered(operation.id, answer)
    const complaints = [
      ...complaintsAboutAccess(expected, variant.name === '100 KB', answer),
      // Somebody of the other tenant may see that tenant.
      ...(isOf(variant, stage.other) ? [] : complaintsAbout(stage, operation, sent, answer)),
    ]
    for (const complaint of complaints) ledger.found(operation.id, `${variant.name}: ${complaint}`, sent, answer)
  })
  await removeExpired(stage)
  say(`credentials: ${stage.operations.length} operations × ${variants.length} variants`)
  return ledger.result()
}

const isOf = ({ shown }: Variant, { id }: StageTenant): boolean => 'tenantId' in shown && shown.tenantId === id

function toRequest({ method, body }: Operation, { headers }: Variant, path: string): Sent {
  const json = body ? { body: Buffer.from('{}') } : {}
  return { method, path: `${path}?${probe}=1`, headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) }, ...json }
}

function complaintsAboutAccess(expected: Expected, isLong: boolean, { status, headers, text }: Answer): readonly string[] {
  if (status === headersTooLong && isLong) return []
  if (expected === 'granted') return status === 400 && text.includes(probe) ? [] : [`is told ${status}, and should be let in`]
  if (status !== expected) return [`is told ${status} instead of ${expected}`]
  const code = { 401: 'auth.required', 403: 'auth.forbidden', 404: 'tenant.missing' }[expected]
  return [
    ...(text.includes(`"${code}"`) ? [] : [`is told another code than ${code}`]),
    ...(status === 401 && headers['www-authenticate'] === undefined ? ['a 401 without WWW-Authenticate'] : []),
  ]
}
