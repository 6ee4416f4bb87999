/** Whose rows the statements of a request may see and change: known to all that the request has begun, by its async context. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { TenantId } from '../core/ids.ts'
import type { RequestScope } from '../core/ports/request-scope.ts'
import { type Statements, toStatements } from './client.ts'
import type { TenantClient } from './tenant-client.ts'

export interface Requests {
  readonly asTenant: RequestScope
  /**
   * Runs a statement as the tenant role, with the tenant of the scope it is asked in; as the service where the scope has no
   * tenant, and outside of any scope.
   *
   * Contexts reach further than requests: what a request has spawned keeps its context for life. So only what serves requests
   * may run its statements here, and what actors, ledger, logins and migrations ask is asked of the service client.
   */
  readonly requests: Statements
}

export function createRequests(service: Pick<Statements, 'run'>, tenantClient: Pick<TenantClient, 'runAs'>): Requests {
  const scope = new AsyncLocalStorage<TenantId | undefined>()
  return {
    asTenant: (tenantId, work) => scope.run(tenantId, work),
    requests: toStatements((text, values) => {
      const tenantId = scope.getStore()
      return tenantId === undefined ? service.run(text, values) : tenantClient.runAs(tenantId, text, values)
    }),
  }
}
