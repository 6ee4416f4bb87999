/** The message store on PostgreSQL. */
import { sql } from 'kysely'
import type { MessageId, TenantId } from '../../core/ids.ts'
import type { MessagePage, MessageQuery, MessageStore, RecordedStatus, StoredMessage } from '../../core/ports/message-store.ts'
import { type DatabaseClient, statements } from '../client.ts'
import { createdAtMicros, isAfter } from '../keyset.ts'
import { recordMessages } from '../record-messages.ts'
import type { SlowWork } from '../slow-work.ts'

/** How many partitions one statement may open: each takes three of the server's locks. */
const maxPartitionsPerStatement = 200

const columns = ['tenant_id', 'id', 'type', 'data', 'priority', 'key', 'status', 'attempts', 'error', 'created_at', 'processed_at'] as const

export function createMessageStore(client: DatabaseClient, slowWork: SlowWork): MessageStore {
  const readPage = async (query: MessageQuery): Promise<MessagePage> => {
    if (query.tenantId !== undefined) return toPage(await readNewest(client, [query.tenantId], query), query.limit)
    return toPage(await readNewestOfAll(client, query), query.limit)
  }

  return {
    record: (records) => recordMessages(client.run, records),
    statuses: (keys) => readStatuses(client, keys),
    async find(tenantId, id) {
      const query = statements.selectFrom('messages').select([...columns, createdAtMicros.as('micros')])
      const [row] = await client.rows(query.where('tenant_id', '=', tenantId).where('id', '=', id))
      return row === undefined ? undefined : toStoredMessage(row)
    },
    list: (query) => slowWork.read(() => readPage(query)),
    async ping() {
      await client.run('select 1')
    },
  }
}

type MessageRow = Awaited<ReturnType<typeof readNewest>>[number]

/** One row more than asked for tells whether there are more. */
async function readNewest(client: DatabaseClient, tenantIds: readonly TenantId[], query: MessageQuery) {
  const [only] = tenantIds
  let rows = statements.selectFrom('messages').select([...columns, createdAtMicros.as('micros')])
  rows = tenantIds.length === 1 && only !== undefined ? rows.where('tenant_id', '=', only) : rows.where(isTenantOf(tenantIds))
  if (query.type !== undefined) rows = rows.where('type', '=', query.type)
  if (query.status !== undefined) rows = rows.where('status', '=', query.status)
  if (query.since !== undefined) rows = rows.where('created_at', '>=', query.since)
  if (query.until !== undefined) rows = rows.where('created_at', '<', query.until)
  if (query.after !== undefined) rows = rows.where(isAfter(query.after))
  return client.rows(
    rows
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(query.limit + 1),
  )
}

// One statement over thousands of partitions would exhaust the server's lock table, so the newest of each group are merged here.
async function readNewestOfAll(client: DatabaseClient, query: MessageQuery): Promise<MessageRow[]> {
  const tenants = await client.rows(statements.selectFrom('tenants').select('id').orderBy('id'))
  let newest: MessageRow[] = []
  for (let index = 0; index < tenants.length; index += maxPartitionsPerStatement) {
    const group = tenants.slice(index, index + maxPartitionsPerStatement).map((tenant) => tenant.id)
    const rows = await readNewest(client, group, query)
    newest = [...newest, ...rows].sort(compareNewestFirst).slice(0, query.limit + 1)
  }
  return newest
}

function compareNewestFirst(a: MessageRow, b: MessageRow): number {
  const difference = BigInt(b.micros) - BigInt(a.micros)
  if (difference !== 0n) return difference > 0n ? 1 : -1
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0
}

// A list in place of a subquery: the planner then opens these partitions only.
const isTenantOf = (tenantIds: readonly TenantId[]) => sql<boolean>`tenant_id = any(${`{${tenantIds.join(',')}}`}::uuid[])`

function toPage(rows: readonly MessageRow[], limit: number): MessagePage {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const next = rows.length > limit && last !== undefined ? { createdAtMicros: last.micros, id: last.id } : undefined
  return { messages: page.map(toStoredMessage), next }
}

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
  client: DatabaseClient,
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
