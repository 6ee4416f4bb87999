/** Calls of an operation that would succeed: with places that exist, credentials that suffice, and a body that makes sense. */
import type { Random } from '../../support/random.ts'
import { type Operation, placesOf } from '../document/operations.ts'
import { makeFresh } from './fresh.ts'
import { createVictim, credentialsFor, fillPlaces, tenantFor } from './places.ts'
import { openSessions } from './sessions.ts'
import type { Stage } from './stage.ts'
import { readToken } from './tokens.ts'

export interface PlannedCall {
  readonly places: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  /** Where the schema alone does not lead to a body that is accepted. */
  readonly body?: unknown
}

export interface Calls {
  next(random: Random): PlannedCall
}

/** Tenants that are really deleted, and things that are really used up, in a run of many calls. */
const maxVictims = 20

/** Prepares `count` calls. */
export async function createCalls(stage: Stage, operation: Operation, count: number): Promise<Calls> {
  const { action } = operation
  const places = fillPlaces(stage, operation)
  const victims = Math.min(maxVictims, Math.ceil(count / 5))
  if (action === 'session.logout' || action === 'session.revoke') return endSessions(stage, operation, count)
  if (action === 'password.change') return changePasswords(stage, operation, victims)
  if (action === 'tenant.delete') return deleteTenants(stage, places, { calls: count, victims: Math.ceil(victims / 2) })
  const fresh = operation.method === 'GET' ? [] : await freshPlaces(stage, operation, victims)
  const headers = credentialsFor(stage, operation)
  return {
    next: (random) => ({
      places: { ...places, ...Object.fromEntries(fresh.map(({ name, ids }) => [name, random.pick(ids)])) },
      ...{ headers, ...bodyFor(stage, operation, random) },
    }),
  }
}

/** Each call with a session of its own, which is the one to end. */
async function endSessions(stage: Stage, operation: Operation, count: number): Promise<Calls> {
  const tokens = await openSessions(stage, tenantFor(stage, operation), count)
  const calls = tokens.map((token): PlannedCall => {
    const places = placesOf(operation).map(({ name }) => [name, String(readToken(token).claims.sid)])
    return { places: Object.fromEntries(places), headers: { authorization: `Bearer ${token}` } }
  })
  let index = 0
  return { next: () => calls[index++ % calls.length] as PlannedCall }
}

/** Of users of their own; now and then the current password is right. */
async function changePasswords(stage: Stage, operation: Operation, count: number): Promise<Calls> {
  const tenant = tenantFor(stage, operation)
  const users = await makeFresh(stage, tenant, 'users', count)
  const tokens = await Promise.all(users.map(async (id) => (await openSessions(stage, tenant, 1, id))[0] ?? ''))
  return {
    next: (random) => ({
      places: {},
      headers: { authorization: `Bearer ${random.pick(tokens)}` },
      body: { current_password: random.chance(0.1) ? passwordOfViewer(stage) : random.uuid(), new_password: random.uuid() },
    }),
  }
}

/** Fresh users have it, too. */
const passwordOfViewer = ({ canaries }: Stage): string => `${canaries.secret}-of-viewer`

/** Most are told that there is none. */
async function deleteTenants(stage: Stage, places: PlannedCall['places'], count: { calls: number; victims: number }): Promise<Calls> {
  const victims = await Promise.all(Array.from({ length: count.victims }, () => createVictim(stage)))
  // Some for the last calls as for the first.
  const share = count.victims / count.calls
  const headers = { authorization: `Bearer ${stage.adminToken}` }
  return { next: (random) => ({ places: { ...places, id: (random.chance(share) && victims.pop()) || random.uuid() }, headers }) }
}

async function freshPlaces(stage: Stage, operation: Operation, count: number) {
  const made = placesOf(operation).map(async ({ name, collection }) => {
    const ids = collection === 'secrets' ? ['tried-1', 'tried-2'] : await makeFresh(stage, tenantFor(stage, operation), collection, count)
    return { name, ids }
  })
  return (await Promise.all(made)).filter(({ ids }) => ids.length > 0)
}

function bodyFor(stage: Stage, { path }: Operation, random: Random): { readonly body?: unknown } {
  const { viewer } = stage.written.users
  if (path.endsWith('/auth/login')) {
    const password = random.chance(0.05) ? passwordOfViewer(stage) : random.uuid()
    return { body: { username: viewer.username, password, tenant_id: stage.written.id } }
  }
  if (path.endsWith('/auth/register')) {
    const tenant = random.chance(0.05) ? { tenant_name: random.uuid() } : { invitation: `tiv_${random.uuid()}` }
    return { body: { username: `u${random.uuid()}`.slice(0, 20), password: random.uuid(), ...tenant } }
  }
  if (path.endsWith('/auth/refresh')) return { body: { refresh_token: random.chance(0.1) ? viewer.refreshToken : `trt_${random.uuid()}` } }
  if (/\/failed-messages\/(retry|discard)$/.test(path)) {
    return { body: { type: random.pick(['failing', 'rejecting', 'none']), dry_run: random.chance(0.5) } }
  }
  return {}
}
