/** Which supervisor runs which tenant. */
import type { TenantId } from '../../src/core/ids.ts'

/** A parent with thousands of children costs O(n²) in XState 5; with 64 shards each holds a few hundred at most. */
export const shardCount = 64

/** The shard of a tenant: 0 to 63, even over UUIDs of any version, since their last bits are random. */
export const shardOf = (tenantId: TenantId): number => Number.parseInt(tenantId.slice(-2), 16) % shardCount

export const shardIds: readonly `supervisor:${number}`[] = Array.from({ length: shardCount }, (_, index) => `supervisor:${index}` as const)

/** The actor id of the supervisor that runs the tenant. */
export const supervisorIdOf = (tenantId: TenantId): `supervisor:${number}` => `supervisor:${shardOf(tenantId)}`
