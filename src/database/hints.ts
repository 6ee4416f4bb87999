/** Tells the other nodes that a tenant's desired state changed. */
import { readTenantId, type TenantId } from '../core/ids.ts'
import type { Hints } from '../core/ports/tenant-store.ts'
import type { Listener } from './listener.ts'

const channel = 'tenants'

/** Shape: a note is `<nodeId>:<tenantId>`; a node does not hear its own. `nodeId` is shorter than 7,000 bytes. */
export function createHints(listener: Listener, nodeId: string): Hints {
  return {
    announce: (tenantId) => listener.notify(channel, `${nodeId}:${tenantId}`),
    subscribe: (onHint) =>
      listener.listen(channel, (payload) => {
        const hint = readHint(payload)
        if (hint !== undefined && hint.nodeId !== nodeId) onHint(hint.tenantId)
      }),
  }
}

// The node's id may have colons in it, a tenant's id has none.
function readHint(payload: string): { readonly nodeId: string; readonly tenantId: TenantId } | undefined {
  const colon = payload.lastIndexOf(':')
  const tenantId = readTenantId(payload.slice(colon + 1))
  return colon < 0 || tenantId === undefined ? undefined : { nodeId: payload.slice(0, colon), tenantId }
}
