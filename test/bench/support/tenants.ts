/** Many tenants at once, through the API. */
import type { TenantId } from '../../../src/core/ids.ts'
import type { EngineNode } from './engine.ts'

interface TenantPage {
  readonly data: readonly { readonly state: string }[]
  readonly next_cursor: string | null
}

const atOnce = 8

export async function createTenants(engine: EngineNode, count: number): Promise<readonly TenantId[]> {
  const ids: TenantId[] = []
  let next = 0
  const create = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) ids.push(await engine.createTenant(`bench ${index}`))
  }
  await Promise.all(Array.from({ length: atOnce }, create))
  return ids
}

/** How many tenants are in which state. */
export async function tenantStates(engine: EngineNode): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  let cursor = ''
  for (;;) {
    const page = await engine.call<TenantPage>('GET', `/tenants?limit=200${cursor}`)
    for (const { state } of page.data) counts.set(state, (counts.get(state) ?? 0) + 1)
    if (page.next_cursor === null) return counts
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`
  }
}
