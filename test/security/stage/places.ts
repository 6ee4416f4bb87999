/** What stands for the parameters of a path, and who asks. */
import { createApi } from '../../support/api.ts'
import { isAboutTenant, type Operation, placesOf } from '../document/operations.ts'
import type { Stage } from './stage.ts'
import type { StageTenant } from './tenant.ts'

/** The tenant that an operation is tried on: nobody changes the one that is read. */
export function tenantFor(stage: Stage, { method, action }: Pick<Operation, 'method' | 'action'>): StageTenant {
  if (method === 'GET') return stage.own
  return action.startsWith('tenant.') ? stage.battered : stage.written
}

/** Of each collection, an id that the tenant has. */
const idsOf: Readonly<Record<string, (stage: Stage, tenant: StageTenant) => string | undefined>> = {
  tenants: (_stage, { id }) => id,
  messages: (_stage, { messageIds }) => messageIds[0],
  'failed-messages': (_stage, { failedIds }) => failedIds[0],
  users: (_stage, { users }) => users.viewer.id,
  invitations: (_stage, { invitations }) => invitations[0]?.id,
  'api-keys': (_stage, { keys }) => keys.read.id,
  sessions: (_stage, { users }) => users.viewer.sessionId,
  secrets: (_stage, { secretNames }) => secretNames[0],
  erasures: ({ deleted }) => deleted.id,
  actors: (_stage, { id }) => `tenant:${id}`,
  machines: () => 'tenant',
  'flight-records': ({ flightRecordIds }, { id }) => flightRecordIds.get(id),
}

/** Values for all of a path's parameters, by name. Errors: throws for a collection that this suite has not heard of. */
export function fillPlaces(stage: Stage, operation: Operation, tenant = tenantFor(stage, operation)): Readonly<Record<string, string>> {
  return Object.fromEntries(
    placesOf(operation).map(({ name, collection }) => {
      const id = idsOf[collection]?.(stage, tenant)
      if (id === undefined) throw new Error(`${operation.path}: tell test/security/stage/places.ts what {${name}} of ${collection} is`)
      return [name, id]
    }),
  )
}

/** The path with its parameters encoded. */
export const toPath = ({ path }: Pick<Operation, 'path'>, values: Readonly<Record<string, string>>): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''))

/** What only a platform admin may do. */
export const needsAdmin = (operation: Operation): boolean =>
  !isAboutTenant(operation) && /^(tenant\.|retry\.|erasure\.|audit\.list_all|actor\.list)/.test(operation.action)

/** The headers of somebody who may: nobody, a platform admin, or an owner of the tenant. */
export function credentialsFor(stage: Stage, operation: Operation, tenant = tenantFor(stage, operation)): Readonly<Record<string, string>> {
  if (operation.action === 'public') return {}
  return { authorization: `Bearer ${needsAdmin(operation) ? stage.adminToken : tenant.users.owner.token}` }
}

/** A tenant that may be deleted. */
export const createVictim = async (stage: Stage): Promise<string> =>
  (await createApi(stage.node.url, stage.adminToken).createTenant({ workers: 1 })).id
