/** I6: after the last fault the queues drain, every tenant works, and nothing is left of those that were deleted. */
import type { TenantId } from '../../../src/core/ids.ts'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../../src/core/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { lookAtQueue } from '../../support/rabbitmq.ts'
import type { Stage } from './stage.ts'

/** What a dead node had claimed for a retry is due again after half a minute. */
const settleLimitMs = 120_000

/** Resolves with what has not settled in time; empty when everything has. */
export async function settle(stage: Stage, tenantIds: readonly string[]): Promise<readonly string[]> {
  const complaints: string[] = []
  const wait = async (what: string, look: () => Promise<readonly string[]>): Promise<void> => {
    const check = async () => {
      const left = await look()
      if (left.length > 0) throw new Error(left.join('; '))
    }
    await eventually(check, { timeoutMs: settleLimitMs, everyMs: 100 }).catch((error: unknown) => {
      complaints.push(`${what}: ${error instanceof Error ? error.message : error}`)
    })
  }
  await wait('what was scheduled is published', () => listScheduled(stage))
  await wait('everything that failed is tried again until its end', () => listRetrying(stage))
  await wait('the queues drain', () => listBusy(stage, tenantIds))
  // A message that was drained may have failed, and is tried again.
  await wait('everything that failed is tried again until its end', () => listRetrying(stage))
  await wait('every tenant has a consumer', () => listUnattended(stage, tenantIds))
  await wait('nothing is left of deleted tenants', () => listOrphans(stage, tenantIds))
  return complaints
}

async function listBusy(stage: Stage, tenantIds: readonly string[]): Promise<readonly string[]> {
  const looks = tenantIds.map(async (id) => {
    const { queue, in_flight } = await stage.api().stats(id)
    const state = (await stage.api().tenant(id)).state
    const isDone = queue.ready + (queue.unacked ?? 0) + queue.dlq + in_flight === 0 && state === 'running'
    return isDone ? [] : [`${id} ${state} ready ${queue.ready} unacked ${queue.unacked} dead ${queue.dlq} in flight ${in_flight}`]
  })
  return (await Promise.all(looks)).flat()
}

async function listRetrying({ database }: Stage): Promise<readonly string[]> {
  const rows = await database.query<{ id: string; status: string; next: string }>(
    `select m.id, f.status, f.next_retry_at::text as next
     from messages m left join failed_messages f using (tenant_id, id) where m.status = 'retrying'`,
  )
  return rows.map(({ id, status, next }) => `${id} ${status} next ${next}`)
}

async function listScheduled({ database }: Stage): Promise<readonly string[]> {
  const rows = await database.query<{ id: string; due: string }>('select id, scheduled_at::text as due from scheduled_messages')
  return rows.map(({ id, due }) => `${id} due ${due}`)
}

/** With messages queued in PostgreSQL there is no consumer to see: a probe has shown that the tenant works. */
async function listUnattended({ servers: { rabbitmqUrl } }: Stage, tenantIds: readonly string[]): Promise<readonly string[]> {
  if (rabbitmqUrl === undefined) return []
  const looks = tenantIds.map(async (id) => {
    const queue = await lookAtQueue(rabbitmqUrl, tenantQueueName(id as TenantId))
    const deadLetters = await lookAtQueue(rabbitmqUrl, tenantDeadLetterQueueName(id as TenantId))
    const isAttended = [queue, deadLetters].every((look) => look?.consumers === 1 && look.messages === 0)
    return isAttended ? [] : [`${id} ${JSON.stringify({ queue, deadLetters })}`]
  })
  return (await Promise.all(looks)).flat()
}

async function listOrphans(stage: Stage, tenantIds: readonly string[]): Promise<readonly string[]> {
  const rows = await stage.database.query<{ id: string }>('select id from tenants')
  const partitions = await stage.database.query(`select 1 from pg_inherits where inhparent = 'messages'::regclass`)
  const queues = await listQueues(stage)
  const wanted = new Set(tenantIds.flatMap((id) => [tenantQueueName(id as TenantId), tenantDeadLetterQueueName(id as TenantId)]))
  const isOurs = (name: string): boolean => /^tenant_.*_(queue|dlq)$/.test(name)
  return [
    ...(rows.length === tenantIds.length ? [] : [`${rows.length} rows of tenants`]),
    ...(partitions.length === tenantIds.length ? [] : [`${partitions.length} partitions`]),
    ...queues.filter((name) => isOurs(name) && !wanted.has(name)).map((name) => `queue ${name}`),
  ]
}

/** Empty where nobody can list them: a RabbitMQ that was there before. */
async function listQueues({ broker, servers, database }: Stage): Promise<readonly string[]> {
  if (broker === 'postgres')
    return (await database.query<{ name: string }>('select name from tenantry_queue.queue')).map(({ name }) => name)
  const names = await servers.rabbitmq?.ctl(['list_queues', 'name', '--silent'])
  return names?.split('\n').map((line) => line.trim()) ?? []
}
