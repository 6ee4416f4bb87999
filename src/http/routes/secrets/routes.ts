/** /tenants/{id}/secrets and /tenants/{id}/secrets/{name}. */
import type { z } from 'zod'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { SecretInfo } from '../../../core/ports/secret-store.ts'
import type { TenantSecrets } from '../../../core/ports/tenant-secrets.ts'
import { invalid, Refusal } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { secretBody, secretName, type secretSchema, secretsQuery } from '../../schemas/secret.ts'
import { replyWholeList } from '../reply-whole-list.ts'
import { findTenant } from '../tenants/find-tenant.ts'
import { listOfTenant } from '../tenants/of-tenant.ts'

export function createSecretRoutes(engine: EngineApi, secrets: TenantSecrets): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/secrets:
     *   get:
     *     operationId: listSecrets
     *     tags: [secrets]
     *     summary: List the tenant's secrets, by name
     *     description: Their values are for the tenant's handlers alone.
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/Secrets.limit' }
     *       - { $ref: '#/components/parameters/Secrets.cursor' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/SecretList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/secrets',
      action: 'secret.list',
      query: secretsQuery,
      async handle({ tenantId, query }) {
        const listed = await listOfTenant(engine, tenantId, await secrets.list(tenantId))
        return replyWholeList(listed, query, { scope: `tenants/${tenantId}/secrets`, keyOf: ({ name }) => name, toBody: toSecretBody })
      },
    }),

    /**
     * @openapi
     * /tenants/{id}/secrets/{name}:
     *   parameters:
     *     - { $ref: '#/components/parameters/TenantId' }
     *     - { $ref: '#/components/parameters/SecretName' }
     *   put:
     *     operationId: putSecret
     *     tags: [secrets]
     *     summary: Keep a secret for the tenant's handlers
     *     description: It is sealed at once and takes the place of an earlier one of its name. A tenant has at most 100.
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/SecretBody' } } } }
     *     responses:
     *       204: { description: Handlers get it from now on }
     *   delete:
     *     operationId: deleteSecret
     *     tags: [secrets]
     *     summary: Forget a secret
     *     responses:
     *       204: { description: There is no such secret any more }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'put',
      path: '/tenants/{id}/secrets/{name}',
      action: 'secret.put',
      body: secretBody,
      async handle({ tenantId, params, body: { value } }) {
        const name = parseName(params.name)
        const { replaced } = await secrets.put(tenantId, name, value)
        return { status: 204, audit: { resource: toResource(name), after: { replaced } } }
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/tenants/{id}/secrets/{name}',
      action: 'secret.delete',
      async handle({ tenantId, params }) {
        const name = parseName(params.name)
        if (await secrets.remove(tenantId, name)) return { status: 204, audit: { resource: toResource(name) } }
        await findTenant(engine, tenantId)
        throw new Refusal('secret.missing', 'There is no secret of this name.')
      },
    }),
  ]
}

/** Errors: Refusal naming the parameter. */
function parseName(text: string | undefined): string {
  const parsed = secretName.safeParse(text)
  if (!parsed.success) throw invalid({ path: 'name', message: parsed.error.issues[0]?.message ?? 'is no name of a secret' })
  return parsed.data
}

const toResource = (name: string): string => `secret/${name}`

const toSecretBody = ({ name, createdAt, updatedAt }: SecretInfo): z.output<typeof secretSchema> => ({
  name,
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
})
