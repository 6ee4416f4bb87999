/** Things to use up: what an operation ends or removes, it needs anew. */
import { createApi } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { inLanes } from '../lanes.ts'
import type { Stage } from './stage.ts'
import type { StageTenant } from './tenant.ts'

type Make = (stage: Stage, tenant: StageTenant, count: number) => Promise<readonly string[]>

/** By the collection of a path. */
const makers: Readonly<Record<string, Make>> = {
  users: (stage, { id, users: { viewer } }, count) =>
    ids(
      stage.query(
        `insert into users (tenant_id, id, username, password_hash, role, created_at, updated_at)
         select tenant_id, gen_random_uuid(), 'fresh-' || gen_random_uuid(), password_hash, 'member', now(), now()
         from users, generate_series(1, $3) where tenant_id = $1 and id = $2 returning id`,
        [id, viewer.id, count],
      ),
    ),
  invitations: (stage, tenant, count) => create(stage, tenant, count, 'invitations', () => ({ role: 'viewer' })),
  'api-keys': (stage, tenant, count) => create(stage, tenant, count, 'api-keys', (n) => ({ name: `fresh ${n}`, scopes: ['read'] })),
  messages: (stage, tenant, count) => {
    const scheduled_at = new Date(Date.now() + 30 * 86_400_000).toISOString()
    return publish(stage, tenant, count, { type: 'fresh', data: 1, scheduled_at })
  },
  'failed-messages': async (stage, tenant, count) => {
    const published = await publish(stage, tenant, count, { type: 'rejecting', data: 'fresh' })
    const failed = () =>
      stage.query<{ count: number }>('select count(*)::int from failed_messages where tenant_id = $1 and id = any($2)', [
        tenant.id,
        published,
      ])
    await eventually(async () => (await failed())[0]?.count === published.length)
    return published
  },
}

/** Ids of new ones; none for a collection that needs none. */
export const makeFresh = (stage: Stage, tenant: StageTenant, collection: string, count: number): Promise<readonly string[]> =>
  makers[collection]?.(stage, tenant, count) ?? Promise.resolve([])

const ids = async (rows: Promise<readonly { id: string }[]>): Promise<readonly string[]> => (await rows).map(({ id }) => id)

async function create(
  stage: Stage,
  { id, users }: StageTenant,
  count: number,
  collection: string,
  body: (n: number) => object,
): Promise<readonly string[]> {
  const owner = createApi(stage.node.url, users.owner.token)
  const made: string[] = []
  await inLanes(8, Array(count).keys(), async (n) => {
    made.push((await owner.expect<{ id: string }>(201, 'POST', `/v1/tenants/${id}/${collection}`, { json: body(n) })).id)
  })
  return made
}

const publish = ({ node }: Stage, { id, users }: StageTenant, count: number, message: object): Promise<readonly string[]> =>
  createApi(node.url, users.owner.token).publishMany(id, Array(count).fill(message))
