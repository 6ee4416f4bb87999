/** /tenants/{id}/api-keys, /tenants/{id}/api-keys/{keyId} and its rotation. */
import type { z } from 'zod'
import type { Identity } from '../../../auth/index.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { ApiKey } from '../../../core/ports/identity-store.ts'
import { parsePathUuid } from '../../request/path-id.ts'
import { unprocessable } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { apiKeyCreation, apiKeyRotation, type apiKeySchema, apiKeysQuery, type createdApiKey } from '../../schemas/identity.ts'
import { ofTenant } from '../tenants/of-tenant.ts'
import { replyIdentityList } from '../tenants/reply-identity-list.ts'

export function createApiKeyRoutes(engine: EngineApi, { apiKeys }: Identity): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/api-keys:
     *   parameters:
     *     - { $ref: '#/components/parameters/TenantId' }
     *   get:
     *     operationId: listApiKeys
     *     tags: [api keys]
     *     summary: List the API keys that have not expired, newest first
     *     parameters:
     *       - { $ref: '#/components/parameters/ApiKeys.limit' }
     *       - { $ref: '#/components/parameters/ApiKeys.cursor' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/ApiKeyList' } } } }
     *   post:
     *     operationId: createApiKey
     *     tags: [api keys]
     *     summary: Create an API key for a machine
     *     description: >-
     *       `publish` may publish, `read` may read the tenant, its messages and its figures, `operate` may pause, resume, drain, restart and
     *       resize it, cancel messages, and retry and discard failed ones.
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/ApiKeyCreation' } } } }
     *     responses:
     *       201: { description: The key, content: { application/json: { schema: { $ref: '#/components/schemas/CreatedApiKey' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/api-keys',
      action: 'api_key.list',
      query: apiKeysQuery,
      handle: ({ tenantId, query }) =>
        replyIdentityList(engine, tenantId, query, { kind: 'api-keys', list: apiKeys.list, toBody: toKeyBody }),
    }),
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/api-keys',
      action: 'api_key.create',
      body: apiKeyCreation,
      async handle({ principal, tenantId, body: { name, scopes, expires_at } }) {
        const expiresAt = toExpiry(expires_at)
        const { key, secret } = await apiKeys.create(tenantId, { name, scopes, expiresAt, createdBy: principal })
        return { status: 201, body: toCreatedBody(key, secret), audit: { resource: toResource(key), after: toSummary(key) } }
      },
    }),

    /**
     * @openapi
     * /tenants/{id}/api-keys/{keyId}:
     *   delete:
     *     operationId: deleteApiKey
     *     tags: [api keys]
     *     summary: Revoke an API key
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/ApiKeyId' }
     *     responses:
     *       204: { description: It is not accepted any more }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'delete',
      path: '/tenants/{id}/api-keys/{keyId}',
      action: 'api_key.delete',
      async handle({ tenantId, params }) {
        const removed = await ofTenant(engine, tenantId, apiKeys.remove(tenantId, parsePathUuid(params, 'keyId')))
        return { status: 204, audit: { resource: toResource(removed), before: toSummary(removed) } }
      },
    }),

    /**
     * @openapi
     * /tenants/{id}/api-keys/{keyId}/rotate:
     *   post:
     *     operationId: rotateApiKey
     *     tags: [api keys]
     *     summary: Get a new key in the place of an old one
     *     description: >-
     *       Name and scopes stay. The old key works for a while beside the new one, and cannot be rotated again: the new one can.
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/ApiKeyId' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/ApiKeyRotation' } } } }
     *     responses:
     *       201: { description: The new key, content: { application/json: { schema: { $ref: '#/components/schemas/CreatedApiKey' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     *       409: { $ref: '#/components/responses/AlreadyRotated' }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/api-keys/{keyId}/rotate',
      action: 'api_key.rotate',
      body: apiKeyRotation,
      async handle({ principal, tenantId, params, body: { overlap_seconds } }) {
        const rotation = apiKeys.rotate(tenantId, parsePathUuid(params, 'keyId'), overlap_seconds * 1000, principal)
        const { old, key, secret } = await ofTenant(engine, tenantId, rotation)
        const audit = {
          resource: toResource(old),
          before: toSummary(old),
          after: { ...toSummary(key), resource: toResource(key), overlap_seconds },
        }
        return { status: 201, body: toCreatedBody(key, secret), audit }
      },
    }),
  ]
}

/** Errors: Refusal naming `expires_at` when it has passed. */
function toExpiry(text: string | null | undefined): Date | null {
  if (text === null || text === undefined) return null
  const expiresAt = new Date(text)
  if (expiresAt.getTime() <= Date.now()) throw unprocessable({ path: 'expires_at', message: 'has passed' })
  return expiresAt
}

const toResource = ({ id }: ApiKey): string => `api_key/${id}`
const toSummary = ({ name, prefix, scopes, expiresAt }: ApiKey) => ({ name, prefix, scopes, expires_at: expiresAt?.toISOString() ?? null })

const toKeyBody = (key: ApiKey): z.output<typeof apiKeySchema> => ({
  id: key.id,
  tenant_id: key.tenantId,
  name: key.name,
  prefix: key.prefix,
  scopes: [...key.scopes],
  created_by: key.createdBy,
  created_at: key.createdAt.toISOString(),
  last_used_at: key.lastUsedAt?.toISOString() ?? null,
  expires_at: key.expiresAt?.toISOString() ?? null,
})

const toCreatedBody = (key: ApiKey, secret: string): z.output<typeof createdApiKey> => ({ ...toKeyBody(key), key: secret })
