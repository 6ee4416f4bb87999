/** What each kind of thing looks like in an export. No hash, no secret: only what may be read elsewhere. */
import type { FailedMessage } from '../core/failure.ts'
import { readJsonBody } from '../core/json.ts'
import type { StoredAuditEntry } from '../core/ports/audit-store.ts'
import type { ApiKey, Invitation, User } from '../core/ports/identity-store.ts'
import type { StoredMessage } from '../core/ports/message-store.ts'
import type { ScheduledMessage } from '../core/ports/schedule-store.ts'
import type { SecretInfo } from '../core/ports/secret-store.ts'
import { redactSecrets } from '../core/redact.ts'
import type { Tenant } from '../core/tenant.ts'

export interface ExportLine {
  readonly kind: string
  readonly [field: string]: unknown
}

/** Hidden with it are the texts of errors, which may quote it. */
const hiddenData = { data: null, data_hidden: true }

/** As its owner sees it; its configuration without what looks like a secret. */
export const toTenantLine = (tenant: Tenant): ExportLine => ({
  kind: 'tenant',
  id: tenant.id,
  name: tenant.name,
  description: tenant.description,
  status: tenant.status,
  workers: tenant.workers,
  config: redactSecrets(tenant.config),
  version: tenant.version,
  created_at: tenant.createdAt,
  updated_at: tenant.updatedAt,
})

export const toUserLine = ({ id, username, role, createdAt, updatedAt }: User): ExportLine => ({
  kind: 'user',
  id,
  username,
  role,
  created_at: createdAt,
  updated_at: updatedAt,
})

export const toInvitationLine = ({ id, role, username, invitedBy, createdAt, expiresAt }: Invitation): ExportLine => ({
  kind: 'invitation',
  id,
  role,
  username,
  invited_by: invitedBy,
  created_at: createdAt,
  expires_at: expiresAt,
})

export const toApiKeyLine = (key: ApiKey): ExportLine => ({
  kind: 'api_key',
  id: key.id,
  name: key.name,
  prefix: key.prefix,
  scopes: key.scopes,
  created_by: key.createdBy,
  created_at: key.createdAt,
  last_used_at: key.lastUsedAt,
  expires_at: key.expiresAt,
  replaced_at: key.replacedAt,
})

export const toSecretLine = ({ name, createdAt, updatedAt }: SecretInfo): ExportLine => ({
  kind: 'secret',
  name,
  created_at: createdAt,
  updated_at: updatedAt,
})

export const toMessageLine = (message: StoredMessage, withPayload: boolean): ExportLine => ({
  kind: 'message',
  id: message.id,
  type: message.type,
  ...(withPayload ? { data: message.data } : hiddenData),
  priority: message.priority,
  key: message.key,
  status: message.status,
  attempts: message.attempts,
  error: withPayload ? message.error : null,
  created_at: message.createdAt,
  processed_at: message.processedAt,
})

export const toFailedLine = (failed: FailedMessage, withPayload: boolean): ExportLine => ({
  kind: 'failed_message',
  id: failed.id,
  type: failed.type,
  ...(withPayload ? toBody(failed.body) : { ...hiddenData, raw_base64: null }),
  priority: failed.priority,
  key: failed.key,
  status: failed.status,
  attempts: failed.attempts,
  retry_count: failed.retryCount,
  next_retry_at: failed.nextRetryAt,
  error: { class: failed.errorClass, message: withPayload ? failed.error : null },
  fingerprint: failed.fingerprint,
  reason: failed.reason,
  history: failed.history.map((record) => ({
    attempt: record.attempt,
    started_at: new Date(record.startedAtMs),
    duration_ms: record.durationMs,
    outcome: record.outcome,
    error_class: record.errorClass,
    error: withPayload ? record.error : null,
  })),
  created_at: failed.createdAt,
  failed_at: failed.failedAt,
  updated_at: failed.updatedAt,
  closed_at: failed.closedAt,
})

export const toScheduledLine = (message: ScheduledMessage, withPayload: boolean): ExportLine => ({
  kind: 'scheduled_message',
  id: message.id,
  type: message.type,
  ...(withPayload ? { data: message.data } : hiddenData),
  priority: message.priority,
  key: message.key,
  created_at: message.createdAt,
  scheduled_at: message.scheduledAt,
})

export const toAuditLine = (entry: StoredAuditEntry): ExportLine => ({
  kind: 'audit_entry',
  id: entry.id,
  at: entry.at,
  actor: entry.doer,
  action: entry.action,
  resource: entry.resource,
  address: entry.address,
  request_id: entry.requestId,
  before: entry.before ?? null,
  after: entry.after ?? null,
})

function toBody(body: Uint8Array): { readonly data: unknown; readonly raw_base64: string | null } {
  const json = readJsonBody(body)
  return json ? { data: json.data, raw_base64: null } : { data: null, raw_base64: Buffer.from(body).toString('base64') }
}
