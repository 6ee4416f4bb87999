/** Deletes the tenants that a suite has made on its way: each costs the node actors and the database a partition. */
import { inLanes } from '../lanes.ts'
import type { Stage } from './stage.ts'

/** Left for later below this number. */
const worthWhile = 50

/** Resolves with how many it has deleted. Errors: throws when one cannot be deleted. */
export async function removeStrangers({ query, node, own, written, battered, other }: Stage): Promise<number> {
  const residents = [own, written, battered, other].map(({ id }) => id)
  const strangers = await query<{ id: string }>('select id from tenants where id <> all($1)', [residents])
  if (strangers.length < worthWhile) return 0
  await inLanes(8, strangers, async ({ id }) => {
    await node.api.expect(200, 'DELETE', `/v1/tenants/${id}?mode=discard`)
  })
  return strangers.length
}
