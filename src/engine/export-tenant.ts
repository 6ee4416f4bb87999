/** Everything of a tenant that may be read, line by line: to take it along, or to keep it before a deletion. */
import { AppError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { AuditQuery, AuditStore } from '../core/ports/audit-store.ts'
import type { EngineApi } from '../core/ports/engine-api.ts'
import type { FailedPosition } from '../core/ports/failure-store.ts'
import type {
  ApiKeyStore,
  IdentityPage,
  IdentityPosition,
  IdentityQuery,
  InvitationStore,
  UserStore,
} from '../core/ports/identity-store.ts'
import type { MessagePosition } from '../core/ports/message-store.ts'
import type { RequestScope } from '../core/ports/request-scope.ts'
import type { ScheduledQuery } from '../core/ports/schedule-store.ts'
import type { TenantSecrets } from '../core/ports/tenant-secrets.ts'
import {
  type ExportLine,
  toApiKeyLine,
  toAuditLine,
  toFailedLine,
  toInvitationLine,
  toMessageLine,
  toScheduledLine,
  toSecretLine,
  toTenantLine,
  toUserLine,
} from './export-lines.ts'

export interface TenantExportServices {
  readonly engine: Pick<EngineApi, 'findTenant' | 'listMessages' | 'listFailed' | 'listScheduled'>
  readonly identity: {
    readonly users: Pick<UserStore, 'list'>
    readonly invitations: Pick<InvitationStore, 'list'>
    readonly apiKeys: Pick<ApiKeyStore, 'list'>
  }
  readonly audit: Pick<AuditStore, 'list'>
  readonly secrets: Pick<TenantSecrets, 'list'>
  /** Every page is read in it, whenever and wherever the export is taken: rows of other tenants cannot come in. */
  readonly asTenant: RequestScope
  /** Of the engine. */
  readonly version: string
}

/** Without payloads the data of messages is left out. */
export type TenantExport = (tenantId: TenantId, options: { readonly withPayloads: boolean }) => AsyncIterable<string>

/** Messages may be large: few at once. */
const pageSize = 100

/**
 * An export in NDJSON, read from the database page after page while it is taken, so it holds one page in memory however much there is.
 *
 * | line                                                    | what                                                       |
 * | export                                                  | the first: `tenant_id`, `exported_at`, `version`           |
 * | tenant, user, invitation, api_key, secret               | no hash and no secret: names alone; `config` is redacted   |
 * | message, failed_message, scheduled_message, audit_entry | newest first, scheduled ones soonest first                 |
 * | end                                                     | the last: `counts` of the lines by kind; without it the export was cut off |
 *
 * What comes or changes meanwhile may be in it or not. Messages that wait in the queue are not.
 *
 * Shape:  each text is one line with its line break.
 * Errors: rejects in the middle with AppError: `tenant.missing` before the first line, `database.unavailable`.
 */
export function createTenantExport(services: TenantExportServices): TenantExport {
  return (tenantId, { withPayloads }) => toTexts(tenantId, services.version, listLines(services, tenantId, withPayloads))
}

async function* toTexts(tenantId: TenantId, version: string, lines: AsyncIterable<ExportLine>): AsyncGenerator<string> {
  const counts: Record<string, number> = {}
  let isBegun = false
  for await (const line of lines) {
    // Not before there is something to follow: a tenant that is missing has no export.
    if (!isBegun) yield toText({ kind: 'export', tenant_id: tenantId, exported_at: new Date(), version })
    isBegun = true
    counts[line.kind] = (counts[line.kind] ?? 0) + 1
    yield toText(line)
  }
  yield toText({ kind: 'end', counts })
}

async function* listLines(services: TenantExportServices, tenantId: TenantId, withPayloads: boolean): AsyncGenerator<ExportLine> {
  const { engine, audit, secrets } = services
  const { users, invitations, apiKeys } = services.identity
  const within = <T>(read: () => Promise<T>): Promise<T> => services.asTenant(tenantId, read)
  const all = <Item, Position>(read: ReadPage<Item, Position>): AsyncGenerator<Item> =>
    readAll((page: Page<Position>) => within(() => read(page)))

  const tenant = await within(() => engine.findTenant(tenantId))
  if (!tenant) throw new AppError('tenant.missing', `there is no tenant ${tenantId}`, { scope: 'tenant' })
  yield toTenantLine(tenant)
  for await (const user of all(listIdentities(users, tenantId))) yield toUserLine(user)
  for await (const invitation of all(listIdentities(invitations, tenantId))) yield toInvitationLine(invitation)
  for await (const key of all(listIdentities(apiKeys, tenantId))) yield toApiKeyLine(key)
  for (const secret of await within(() => secrets.list(tenantId))) yield toSecretLine(secret)

  const messages = all(async (page: Page<MessagePosition>) => {
    const { messages: items, next } = await engine.listMessages({ tenantId, ...page })
    return { items, next }
  })
  for await (const message of messages) yield toMessageLine(message, withPayloads)
  const failed = all(async (page: Page<FailedPosition>) => {
    const { failed: items, next } = await engine.listFailed({ tenantId, ...page })
    return { items, next }
  })
  for await (const message of failed) yield toFailedLine(message, withPayloads)
  const scheduled = all(async (page: Page<NonNullable<ScheduledQuery['after']>>) => {
    const { messages: items, next } = await engine.listScheduled({ tenantId, ...page })
    return { items, next }
  })
  for await (const message of scheduled) yield toScheduledLine(message, withPayloads)
  const entries = all(async (page: Page<NonNullable<AuditQuery['after']>>) => {
    const { entries: items, next } = await audit.list({ tenantId, ...page })
    return { items, next }
  })
  for await (const entry of entries) yield toAuditLine(entry)
}

interface Page<Position> {
  readonly after?: Position
  readonly limit: number
}
type ReadPage<Item, Position> = (page: Page<Position>) => Promise<{ readonly items: readonly Item[]; readonly next: Position | undefined }>
interface IdentityStore<Item> {
  list(tenantId: TenantId, query: IdentityQuery): Promise<IdentityPage<Item>>
}

const listIdentities =
  <Item>(store: IdentityStore<Item>, tenantId: TenantId): ReadPage<Item, IdentityPosition> =>
  (page) =>
    store.list(tenantId, page)

async function* readAll<Item, Position>(read: ReadPage<Item, Position>): AsyncGenerator<Item> {
  let after: Position | undefined
  do {
    const { items, next } = await read(after === undefined ? { limit: pageSize } : { after, limit: pageSize })
    yield* items
    after = next
  } while (after !== undefined)
}

const toText = (line: ExportLine): string => `${JSON.stringify(line)}\n`
