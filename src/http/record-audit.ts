/** Writes what a request has done into the audit log. */
import { nameOf, type Principal } from '../auth/index.ts'
import { errorText } from '../core/errors.ts'
import type { Doer } from '../core/identity.ts'
import type { TenantId } from '../core/ids.ts'
import type { AuditEntry, AuditStore } from '../core/ports/audit-store.ts'
import type { RequestScope } from '../core/ports/request-scope.ts'
import { redactSecrets } from '../core/redact.ts'
import type { AuditNote } from './audit-note.ts'
import type { Log } from './log.ts'

/** What every entry says about the request it comes from. */
export interface AuditSource {
  readonly action: string
  readonly principal: Principal | undefined
  /** The tenant of the path. */
  readonly tenantId: TenantId | undefined
  readonly address: string
  readonly requestId: string
}

/** Resolves when the entry is written; one that cannot be written is logged whole, so that it is not lost. Never rejects. */
export type RecordAudit = (note: AuditNote | Promise<AuditNote>, source: AuditSource) => Promise<void>

export function createRecordAudit({
  audit,
  asTenant,
  log,
}: {
  audit: Pick<AuditStore, 'add'>
  asTenant: RequestScope
  log: Log
}): RecordAudit {
  return async (given, source) => {
    let entry: AuditEntry | undefined
    try {
      const noted = toEntry(await given, source)
      entry = noted
      await asTenant(noted.tenantId ?? undefined, () => audit.add(noted))
    } catch (error) {
      log('error', 'an audit entry could not be written', { entry: entry ?? { ...source, principal: undefined }, reason: errorText(error) })
    }
  }
}

function toEntry(note: AuditNote, { action, principal, tenantId, address, requestId }: AuditSource): AuditEntry {
  return {
    tenantId: note.tenantId === undefined ? (tenantId ?? tenantOf(principal)) : note.tenantId,
    doer: note.doer ?? toDoer(principal),
    action: note.action ?? action,
    resource: note.resource ?? null,
    address,
    requestId,
    before: redactSecrets(note.before ?? null),
    after: redactSecrets(note.after ?? null),
  }
}

const tenantOf = (principal: Principal | undefined): TenantId | null =>
  principal === undefined || principal.kind === 'admin' ? null : principal.tenantId

export function toDoer(principal: Principal | undefined): Doer {
  if (!principal) return { kind: 'anonymous', id: null, name: null }
  return { kind: principal.kind, id: principal.id, name: nameOf(principal) }
}
