/** All routes of the API, the hottest first: a request is matched in this order. */
import type { Login } from '../../auth/index.ts'
import type { EngineApi } from '../../core/ports/engine-api.ts'
import type { Route } from '../route.ts'
import { createAuthRoutes } from './auth/routes.ts'
import { createFailedMessageBulkRoutes } from './failed-messages/bulk.ts'
import { createFailedMessageRoutes } from './failed-messages/one.ts'
import { createFailedMessageReadRoutes } from './failed-messages/read.ts'
import { createMessageListRoutes } from './messages/list.ts'
import { createMessageRoutes } from './messages/one.ts'
import { createPublishRoutes } from './messages/publish.ts'
import { createTenantCollectionRoutes } from './tenants/collection.ts'
import { createTenantConfigRoutes } from './tenants/config.ts'
import { createTenantLifecycleRoutes } from './tenants/lifecycle.ts'
import { createTenantRoutes } from './tenants/one.ts'
import { createTenantStatsRoutes } from './tenants/stats.ts'

/** Paths are relative to the prefix the API is mounted under. */
export function createApiRoutes({ engine, login }: { engine: EngineApi; login: Login }): readonly Route[] {
  return [
    ...createPublishRoutes(engine),
    ...createMessageListRoutes(engine),
    ...createMessageRoutes(engine),
    ...createTenantCollectionRoutes(engine),
    ...createTenantRoutes(engine),
    ...createTenantConfigRoutes(engine),
    ...createTenantLifecycleRoutes(engine),
    ...createTenantStatsRoutes(engine),
    // `stats`, `retry` and `discard` come before `{fid}`, which would match them.
    ...createFailedMessageReadRoutes(engine),
    ...createFailedMessageBulkRoutes(engine),
    ...createFailedMessageRoutes(engine),
    ...createAuthRoutes({ login }),
  ]
}
