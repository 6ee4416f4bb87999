/** All routes of the API, the hottest first: a request is matched in this order. */
import type { Identity } from '../../auth/index.ts'
import type { PayloadVisibility } from '../../core/identity.ts'
import type { AuditStore } from '../../core/ports/audit-store.ts'
import type { EngineApi } from '../../core/ports/engine-api.ts'
import type { FlightRecordStore } from '../../core/ports/flight-record-store.ts'
import type { Inspection } from '../../core/ports/inspection.ts'
import type { TenantSecrets } from '../../core/ports/tenant-secrets.ts'
import type { Route } from '../route.ts'
import { createActorCollectionRoutes } from './actors/collection.ts'
import { createActorExplainRoutes } from './actors/explain.ts'
import { createActorRoutes } from './actors/one.ts'
import { createActorStreamRoutes } from './actors/stream.ts'
import { createApiKeyRoutes } from './api-keys/routes.ts'
import { createAuditRoutes } from './audit/routes.ts'
import { createLoginRoutes } from './auth/login.ts'
import { createSessionRoutes } from './auth/sessions.ts'
import { createErasureRoutes } from './erasures/routes.ts'
import { createFailedMessageBulkRoutes } from './failed-messages/bulk.ts'
import { createFailedMessageRoutes } from './failed-messages/one.ts'
import { createFailedMessageReadRoutes } from './failed-messages/read.ts'
import { createFlightRecordRoutes } from './flight-records/routes.ts'
import { createInvitationRoutes } from './invitations/routes.ts'
import { createMachineRoutes } from './machines/routes.ts'
import { createMessageExplainRoutes } from './messages/explain.ts'
import { createMessageListRoutes } from './messages/list.ts'
import { createMessageRoutes } from './messages/one.ts'
import { createPayloadGuard } from './messages/payload-guard.ts'
import { createPublishRoutes } from './messages/publish.ts'
import { createSecretRoutes } from './secrets/routes.ts'
import { createTenantActorRoutes } from './tenants/actors.ts'
import { createTenantCollectionRoutes } from './tenants/collection.ts'
import { createTenantConfigRoutes } from './tenants/config.ts'
import { createTenantExplainRoutes } from './tenants/explain.ts'
import { createExportRoutes, type ExportTenant } from './tenants/export.ts'
import { createTenantLifecycleRoutes } from './tenants/lifecycle.ts'
import { createTenantRoutes } from './tenants/one.ts'
import { createTenantStatsRoutes } from './tenants/stats.ts'
import { createUserRoutes } from './users/routes.ts'

export interface ApiOptions {
  readonly engine: EngineApi
  readonly identity: Identity
  readonly audit: AuditStore
  readonly secrets: TenantSecrets
  readonly exportTenant: ExportTenant
  readonly inspection: Inspection
  readonly flightRecords: FlightRecordStore
  /** Whom message data is shown to where a tenant says nothing. */
  readonly payloadVisibility: PayloadVisibility
}

/** Paths are relative to the prefix the API is mounted under. */
export function createApiRoutes(options: ApiOptions): readonly Route[] {
  const { engine, identity, audit, secrets, exportTenant, inspection, flightRecords, payloadVisibility } = options
  const guard = createPayloadGuard(engine, payloadVisibility)
  return [
    ...createPublishRoutes(engine),
    ...createMessageListRoutes(engine, guard),
    ...createMessageRoutes(engine, guard),
    ...createTenantCollectionRoutes(engine),
    ...createTenantRoutes(engine),
    ...createTenantConfigRoutes(engine),
    ...createTenantLifecycleRoutes(engine),
    ...createTenantStatsRoutes(engine, guard),
    // `stats`, `retry` and `discard` come before `{fid}`, which would match them.
    ...createFailedMessageReadRoutes(engine, guard),
    ...createFailedMessageBulkRoutes(engine, guard),
    ...createFailedMessageRoutes(engine, guard),
    ...createLoginRoutes(identity, engine),
    ...createSessionRoutes(identity),
    ...createUserRoutes(engine, identity),
    ...createInvitationRoutes(engine, identity),
    ...createApiKeyRoutes(engine, identity),
    ...createSecretRoutes(engine, secrets),
    ...createAuditRoutes(engine, audit),
    ...createExportRoutes(engine, guard, exportTenant),
    ...createErasureRoutes(engine),
    ...createTenantActorRoutes(engine, inspection),
    ...createTenantExplainRoutes(inspection, guard),
    ...createMessageExplainRoutes(inspection, guard),
    ...createActorCollectionRoutes(engine, inspection),
    // `stream` comes before `{id}`, which would match it.
    ...createActorStreamRoutes(engine, inspection),
    ...createActorRoutes(inspection, guard),
    ...createActorExplainRoutes(inspection, guard),
    ...createMachineRoutes(inspection),
    ...createFlightRecordRoutes(engine, guard, flightRecords),
  ]
}
