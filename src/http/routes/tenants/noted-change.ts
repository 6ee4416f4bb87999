/** Changes of tenants, with what the audit log wants to know about them. */
import { AppError } from '../../../core/errors.ts'
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi, TenantView } from '../../../core/ports/engine-api.ts'
import type { TenantChange } from '../../../core/ports/tenant-store.ts'
import type { Tenant } from '../../../core/tenant.ts'
import type { AuditNote } from '../../audit-note.ts'
import { noteUnfinished } from '../note-unfinished.ts'
import { findTenant } from './find-tenant.ts'

export interface Changed {
  readonly tenant: TenantView
  readonly audit: AuditNote
}

/** Changes a tenant. Errors: as `EngineApi.changeTenant`; of a change that is stored and not followed yet a NotedFailure. */
export async function changeNoted(engine: EngineApi, id: TenantId, change: TenantChange, expectedVersion?: number): Promise<Changed> {
  const before = await findTenant(engine, id)
  return changeFrom(engine, before, change, expectedVersion)
}

const maxRaces = 10

/**
 * The same with the change that `settle` makes of the tenant as it is then, and no later one: when somebody else is faster, it is
 * asked again about the newer tenant.
 *
 * Errors also: those of `settle`; `tenant.version_mismatch` when others are faster again and again.
 */
export async function changeSettled(
  engine: EngineApi,
  id: TenantId,
  { settle, expectedVersion }: { settle: (before: Tenant) => TenantChange; expectedVersion: number | undefined },
): Promise<Changed> {
  for (let race = 1; ; race++) {
    const before = await findTenant(engine, id)
    const change = settle(before)
    try {
      return await changeFrom(engine, before, change, expectedVersion ?? before.version)
    } catch (error) {
      const wasOvertaken = expectedVersion === undefined && error instanceof AppError && error.code === 'tenant.version_mismatch'
      if (!wasOvertaken || race === maxRaces) throw error
    }
  }
}

async function changeFrom(engine: EngineApi, before: Tenant, change: TenantChange, expectedVersion: number | undefined): Promise<Changed> {
  const audit = toNote(before, change)
  const tenant = await noteUnfinished(audit, () => engine.changeTenant(before.id, change, expectedVersion))
  return { tenant, audit }
}

/** What a change is about, before and after it. */
function toNote(before: Tenant, { restart, deletion: _, ...fields }: TenantChange): AuditNote {
  const names = Object.keys(fields) as readonly (keyof typeof fields)[]
  if (names.length === 0) return restart ? { after: { restart } } : {}
  return { before: Object.fromEntries(names.map((name) => [name, before[name]])), after: fields }
}
