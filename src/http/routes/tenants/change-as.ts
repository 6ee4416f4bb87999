/** Changes of tenants by whom they are wanted: some fields are not for everybody to change. */
import { isDeepStrictEqual } from 'node:util'
import { may, type Principal } from '../../../auth/index.ts'
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { TenantChange } from '../../../core/ports/tenant-store.ts'
import type { Tenant } from '../../../core/tenant.ts'
import { Refusal } from '../../request/refusal.ts'
import { type Changed, changeNoted, changeSettled } from './noted-change.ts'

/**
 * Changes a tenant as far as `principal`, who may change tenants or their configuration, may.
 *
 * | field                     | who may not change it | and wants another | and leaves it out     |
 * | name                      | the tenant's own      | refused           | stays                 |
 * | config.payload_visibility | below owner           | refused           | refused, if it is set |
 * | config.rate_limits        | the tenant's own      | refused           | stays                 |
 *
 * Errors: as `changeNoted`; Refusal `auth.forbidden`, which names the field.
 */
export async function changeAs(
  principal: Principal,
  engine: EngineApi,
  id: TenantId,
  { change, expectedVersion }: { readonly change: TenantChange; readonly expectedVersion: number | undefined },
): Promise<Changed> {
  // A platform admin may change all of it, whatever it was.
  if (principal.kind === 'admin') return changeNoted(engine, id, change, expectedVersion)
  return changeSettled(engine, id, { settle: (before) => settleChange(principal, before, change), expectedVersion })
}

function settleChange(principal: Principal, before: Tenant, change: TenantChange): TenantChange {
  const { name, config } = change
  // Names are unique over all tenants: whoever could try one would learn which others there are.
  if (name !== undefined && name !== before.name && may(principal, 'tenant.rename', before.id) !== 'granted') {
    throw new Refusal('auth.forbidden', 'Only a platform admin may rename a tenant.')
  }
  return config === undefined ? change : { ...change, config: settleConfig(principal, before, config) }
}

function settleConfig(principal: Principal, { id, config: before }: Tenant, wanted: Tenant['config']): Tenant['config'] {
  if (before.payload_visibility !== wanted.payload_visibility && may(principal, 'tenant.change_payload_visibility', id) !== 'granted') {
    throw new Refusal('auth.forbidden', 'Your role does not allow to change payload_visibility; leave it as it is.')
  }
  if (may(principal, 'tenant.change_rate_limits', id) === 'granted' || isDeepStrictEqual(before.rate_limits, wanted.rate_limits))
    return wanted
  // What limits a tenant is not for the tenant to lift.
  if (wanted.rate_limits === undefined) return { ...wanted, rate_limits: before.rate_limits }
  throw new Refusal('auth.forbidden', 'Only a platform admin may change rate_limits; leave it as it is, or out.')
}
