/** The schedule store on PostgreSQL. */
import { type Selectable, sql } from 'kysely'
import { AppError } from '../../core/errors.ts'
import type { OutboundMessage } from '../../core/message.ts'
import type { ScheduledMessage, ScheduledPage, ScheduledQuery, ScheduleStore } from '../../core/ports/schedule-store.ts'
import { toPlainArray, toTextArray } from '../array-literal.ts'
import { type Statements, statements } from '../client.ts'
import type { ScheduledMessagesTable } from '../schema.ts'
import { readSizedPage } from '../sized-page.ts'
import type { SlowWork } from '../slow-work.ts'
import { claimDue, giveBack, releaseClaims } from './schedule-claims.ts'

const columns = ['tenant_id', 'id', 'type', 'body', 'priority', 'key', 'created_at', 'scheduled_at'] as const

/** Errors beyond the port's: AppError `tenant.missing` for a message of a tenant that is not there (any more). */
export function createScheduleStore(requests: Statements, service: Statements, slowWork: Pick<SlowWork, 'read'>): ScheduleStore {
  return {
    async schedule(messages) {
      if (messages.length > 0) await requests.run(insertion, toColumns(messages)).catch(rethrowMissingTenant)
    },
    list: (query) => slowWork.read(() => listScheduled(requests, query), query.tenantId),
    async find(tenantId, id) {
      const query = statements.selectFrom('scheduled_messages').select(columns)
      const [row] = await requests.rows(query.where('tenant_id', '=', tenantId).where('id', '=', id))
      return row === undefined ? undefined : toScheduled(row)
    },
    async cancel(tenantId, id) {
      const [row] = await requests.run(cancellation, [tenantId, id])
      if (row?.is_cancelled === true) return 'cancelled'
      return row?.was_there === true ? 'releasing' : 'absent'
    },
    claimDue: (limit, leaseMs) => claimDue(service, limit, leaseMs),
    released: (claims) => releaseClaims(service, claims),
    giveBack: (claims, delayMs) => giveBack(service, claims, delayMs),
  }
}

// Ordered by key, so that two calls with the same messages wait for each other and never deadlock.
const insertion = `
insert into scheduled_messages (tenant_id, id, type, body, priority, key, created_at, scheduled_at, release_at, trace)
select r.tenant_id, r.id, r.type, r.body, r.priority, r.key, to_timestamp(r.created_ms / 1000::float8),
       to_timestamp(r.due_ms / 1000::float8), to_timestamp(r.due_ms / 1000::float8), r.trace
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::bigint[], $8::bigint[], $9::text[])
  as r (tenant_id, id, type, body, priority, key, created_ms, due_ms, trace)
order by r.tenant_id, r.id
on conflict do nothing`

function toColumns(messages: readonly OutboundMessage[]): readonly string[] {
  return [
    toTextArray(messages.map((message) => message.tenantId)),
    toTextArray(messages.map((message) => message.id)),
    toTextArray(messages.map((message) => message.type)),
    toTextArray(messages.map((message) => message.body)),
    toPlainArray(messages.map((message) => message.priority)),
    toTextArray(messages.map((message) => message.key)),
    toPlainArray(messages.map((message) => Math.round(message.createdAtMs))),
    toPlainArray(messages.map((message) => Math.round(message.readyAtMs))),
    toTextArray(messages.map((message) => message.trace ?? null)),
  ]
}

function rethrowMissingTenant(error: unknown): never {
  if (error instanceof AppError && error.details.constraint === 'scheduled_messages_tenant_fkey') {
    throw new AppError('tenant.missing', 'there is no such tenant', { scope: 'tenant', cause: error })
  }
  throw error
}

// Once claimed, a message is not cancelled any more: the node may have died, or failed, after it had published it.
const cancellation = `
with cancelled as (delete from scheduled_messages where tenant_id = $1 and id = $2 and claim is null returning id)
select exists (select from cancelled) as is_cancelled,
       exists (select from scheduled_messages where tenant_id = $1 and id = $2) as was_there`

const scheduledAtMicros = sql<string>`(extract(epoch from scheduled_at) * 1000000)::bigint::text`

async function listScheduled(client: Statements, query: ScheduledQuery): Promise<ScheduledPage> {
  const { type, since, until, after, limit } = query
  let select = statements
    .selectFrom('scheduled_messages')
    .select([...columns, scheduledAtMicros.as('micros')])
    .where('tenant_id', '=', query.tenantId)
  if (type !== undefined) select = select.where('type', '=', type)
  if (since !== undefined) select = select.where('scheduled_at', '>=', since)
  if (until !== undefined) select = select.where('scheduled_at', '<', until)
  if (after !== undefined) {
    select = select.where(
      sql<boolean>`(scheduled_at, id) > (timestamptz 'epoch' + ${after.scheduledAtMicros}::bigint * interval '1 microsecond', ${after.id}::uuid)`,
    )
  }
  const soonest = select.orderBy('scheduled_at').orderBy('id')
  const { rows, hasMore } = await readSizedPage<ScheduledRow & { readonly micros: string }>(client, {
    rows: soonest.limit(limit + 1),
    time: 'scheduled_at',
    direction: 'asc',
    bytes: sql`octet_length(body)`,
    limit,
  })
  const last = rows.at(-1)
  const next = hasMore && last !== undefined ? { scheduledAtMicros: last.micros, id: last.id } : undefined
  return { messages: rows.map(toScheduled), next }
}

type ScheduledRow = Pick<Selectable<ScheduledMessagesTable>, (typeof columns)[number]>

function toScheduled(row: ScheduledRow): ScheduledMessage {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    type: row.type,
    data: JSON.parse(row.body),
    priority: row.priority,
    key: row.key,
    createdAt: row.created_at,
    scheduledAt: row.scheduled_at,
  }
}
