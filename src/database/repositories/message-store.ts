/** The message store on PostgreSQL. */
import { type Expression, type InferResult, type RawBuilder, sql } from 'kysely'
import type { MessageId, TenantId } from '../../core/ids.ts'
import type { MessagePage, MessageQuery, MessageStore, RecordedStatus, StoredMessage } from '../../core/ports/message-store.ts'
import { toPlainArray } from '../array-literal.ts'
import { type Statements, statements } from '../client.ts'
import { createdAtMicros, isAfter } from '../keyset.ts'
import { toIdArray } from '../message-columns.ts'
import { recordMessages } from '../record-messages.ts'
import { readSizedPage } from '../sized-page.ts'
import type { SlowWork } from '../slow-work.ts'

/** How many partitions one statement may open: each takes three of the server's locks. */
const maxPartitionsPerStatement = 200

const columns = ['tenant_id', 'id', 'type', 'data', 'priority', 'key', 'status', 'attempts', 'error', 'created_at', 'processed_at'] as const

export function createMessageStore(requests: Statements, service: Statements, slowWork: SlowWork): MessageStore {
  return {
    record: (records) => recordMessages(service.run, records),
    statuses: (keys) => readStatuses(service, keys),
    async find(tenantId, id) {
      const [row] = await requests.rows(selectMessages().where('tenant_id', '=', tenantId).where('id', '=', id))
      return row === undefined ? undefined : toStoredMessage(row)
    },
    list: ({ tenantId, ...query }) =>
      slowWork.read(() => (tenantId === undefined ? listOfAll(requests, query) : listOfOne(requests, tenantId, query)), tenantId),
    async ping() {
      await service.run('select 1')
    },
  }
}

type ListQuery = Omit<MessageQuery, 'tenantId'>
type MessageRow = InferResult<ReturnType<typeof selectMessages>>[number]

const selectMessages = () => statements.selectFrom('messages').select([...columns, createdAtMicros.as('micros')])

const readPage = (client: Statements, rows: Expression<unknown>, limit: number) =>
  readSizedPage<MessageRow>(client, { rows, limit, time: 'created_at', direction: 'desc', bytes: sql`octet_length(data::text)` })

async function listOfOne(client: Statements, tenantId: TenantId, query: ListQuery): Promise<MessagePage> {
  const newest = selectMessages()
    .where('tenant_id', '=', tenantId)
    .where(isMeant(query))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
  const { rows, hasMore } = await readPage(client, newest.limit(query.limit + 1), query.limit)
  return { messages: rows.map(toStoredMessage), next: hasMore ? toPosition(rows.at(-1)) : undefined }
}

interface Place {
  readonly tenant_id: TenantId
  readonly id: MessageId
  readonly micros: string
}

/** First where the newest of all are, then what they are: a page for each group of tenants would be a large page. */
async function listOfAll(client: Statements, query: ListQuery): Promise<MessagePage> {
  const newest = await findNewest(client, query)
  const places = newest.slice(0, query.limit)
  if (places.length === 0) return { messages: [], next: undefined }
  const tenantIds = [...new Set(places.map((place) => place.tenant_id))]
  const atPlaces = sql<boolean>`(tenant_id, id) in (select * from unnest(
    ${toIdArray(places.map((place) => place.tenant_id))}::uuid[], ${toIdArray(places.map((place) => place.id))}::uuid[]))`
  const { rows, hasMore } = await readPage(client, selectMessages().where(isTenantOf(tenantIds)).where(atPlaces), places.length)
  if (hasMore) return { messages: rows.map(toStoredMessage), next: toPosition(rows.at(-1)) }
  return { messages: rows.map(toStoredMessage), next: newest.length > places.length ? toPosition(places.at(-1)) : undefined }
}

// One statement over thousands of partitions would exhaust the server's lock table, so the newest of each group are merged here.
async function findNewest(client: Statements, query: ListQuery): Promise<readonly Place[]> {
  const tenants = await client.rows(statements.selectFrom('tenants').select('id').orderBy('id'))
  let newest: Place[] = []
  for (let index = 0; index < tenants.length; index += maxPartitionsPerStatement) {
    const group = tenants.slice(index, index + maxPartitionsPerStatement).map((tenant) => tenant.id)
    const places = statements
      .selectFrom('messages')
      .select(['tenant_id', 'id', createdAtMicros.as('micros')])
      .where(isTenantOf(group))
      .where(isMeant(query))
    const ofGroup = await client.rows(
      places
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(query.limit + 1),
    )
    newest = [...newest, ...ofGroup].sort(compareNewestFirst).slice(0, query.limit + 1)
  }
  return newest
}

function compareNewestFirst(a: Place, b: Place): number {
  const difference = BigInt(b.micros) - BigInt(a.micros)
  if (difference !== 0n) return difference > 0n ? 1 : -1
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0
}

// A list in place of a subquery: the planner then opens these partitions only.
const isTenantOf = (tenantIds: readonly TenantId[]) => sql<boolean>`tenant_id = any(${toPlainArray(tenantIds)}::uuid[])`

function isMeant({ type, status, since, until, after }: ListQuery): RawBuilder<boolean> {
  const conditions = [sql<boolean>`true`]
  if (type !== undefined) conditions.push(sql`type = ${type}`)
  if (status !== undefined) conditions.push(sql`status = ${status}`)
  if (since !== undefined) conditions.push(sql`created_at >= ${since}`)
  if (until !== undefined) conditions.push(sql`created_at < ${until}`)
  if (after !== undefined) conditions.push(isAfter(after))
  return sql.join(conditions, sql` and `)
}

const toPosition = (row: Pick<Place, 'micros' | 'id'> | undefined) => row && { createdAtMicros: row.micros, id: row.id }

function toStoredMessage(row: MessageRow): StoredMessage {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    type: row.type,
    data: row.data,
    priority: row.priority,
    key: row.key,
    status: row.status,
    attempts: row.attempts,
    error: row.error,
    createdAt: row.created_at,
    processedAt: row.processed_at,
  }
}

async function readStatuses(
  client: Statements,
  keys: readonly { readonly tenantId: TenantId; readonly id: MessageId }[],
): Promise<ReadonlyMap<MessageId, RecordedStatus>> {
  const statuses = new Map<MessageId, RecordedStatus>()
  for (const [tenantId, ids] of Map.groupBy(keys, (key) => key.tenantId)) {
    const query = statements
      .selectFrom('messages')
      .select(['id', 'status', 'attempts'])
      .where('tenant_id', '=', tenantId)
      .where(sql<boolean>`id = any(${`{${ids.map((key) => key.id).join(',')}}`}::uuid[])`)
    for (const { id, status, attempts } of await client.rows(query)) statuses.set(id, { status, attempts })
  }
  return statuses
}
