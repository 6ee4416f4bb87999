/** /tenants/{id}/users and /tenants/{id}/users/{userId}. */
import type { z } from 'zod'
import type { Identity } from '../../../auth/index.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { User } from '../../../core/ports/identity-store.ts'
import { parsePathUuid } from '../../request/path-id.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type createdUser, userChange, userCreation, type userSchema, usersQuery } from '../../schemas/identity.ts'
import { noteUnfinished } from '../note-unfinished.ts'
import { ofTenant } from '../tenants/of-tenant.ts'
import { replyIdentityList } from '../tenants/reply-identity-list.ts'

export function createUserRoutes(engine: EngineApi, { users }: Identity): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/users:
     *   parameters:
     *     - { $ref: '#/components/parameters/TenantId' }
     *   get:
     *     operationId: listUsers
     *     tags: [users]
     *     summary: List a tenant's users, newest first
     *     parameters:
     *       - { $ref: '#/components/parameters/Users.limit' }
     *       - { $ref: '#/components/parameters/Users.cursor' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/UserList' } } } }
     *   post:
     *     operationId: createUser
     *     tags: [users]
     *     summary: Create a user of the tenant
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/UserCreation' } } } }
     *     responses:
     *       201:
     *         description: The user, and the password when it was generated
     *         headers: { Location: { schema: { type: string } } }
     *         content: { application/json: { schema: { $ref: '#/components/schemas/CreatedUser' } } }
     *       409: { $ref: '#/components/responses/NameTaken' }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/users',
      action: 'user.list',
      query: usersQuery,
      handle: ({ tenantId, query }) => replyIdentityList(engine, tenantId, query, { kind: 'users', list: users.list, toBody: toUserBody }),
    }),
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/users',
      action: 'user.create',
      body: userCreation,
      async handle({ tenantId, body: { username, password, role }, prefix }) {
        const { user, generatedPassword } = await users.create(tenantId, { username, password, role })
        const body: z.output<typeof createdUser> = {
          ...toUserBody(user),
          ...(generatedPassword === undefined ? {} : { password: generatedPassword }),
        }
        const location = `${prefix}/tenants/${tenantId}/users/${user.id}`
        return { status: 201, headers: { location }, body, audit: { resource: toResource(user), after: toSummary(user) } }
      },
    }),

    /**
     * @openapi
     * /tenants/{id}/users/{userId}:
     *   parameters:
     *     - { $ref: '#/components/parameters/TenantId' }
     *     - { $ref: '#/components/parameters/UserId' }
     *   get:
     *     operationId: readUser
     *     tags: [users]
     *     summary: One user
     *     responses:
     *       200: { description: The user, content: { application/json: { schema: { $ref: '#/components/schemas/User' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     *   put:
     *     operationId: changeUser
     *     tags: [users]
     *     summary: Change a user's role or set another password; what is left out stays as it is
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/UserChange' } } } }
     *     responses:
     *       200: { description: The user, content: { application/json: { schema: { $ref: '#/components/schemas/User' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     *       409: { $ref: '#/components/responses/LastOwner' }
     *   delete:
     *     operationId: deleteUser
     *     tags: [users]
     *     summary: Remove a user, and end their sessions
     *     responses:
     *       204: { description: There is no such user any more }
     *       404: { $ref: '#/components/responses/Missing' }
     *       409: { $ref: '#/components/responses/LastOwner' }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/users/{userId}',
      action: 'user.read',
      async handle({ tenantId, params }) {
        const user = await ofTenant(engine, tenantId, users.find(tenantId, parsePathUuid(params, 'userId')))
        return { status: 200, body: toUserBody(user) }
      },
    }),
    defineRoute({
      method: 'put',
      path: '/tenants/{id}/users/{userId}',
      action: 'user.change',
      body: userChange,
      async handle({ tenantId, params, body: { role, password } }) {
        const id = parsePathUuid(params, 'userId')
        const change = { ...(role === undefined ? {} : { role }), ...(password === undefined ? {} : { password }) }
        const wanted = { ...(role === undefined ? {} : { role }), changed: Object.keys(change) }
        const { before, after } = await noteUnfinished({ resource: `user/${id}`, after: wanted }, () =>
          ofTenant(engine, tenantId, users.change(tenantId, id, change)),
        )
        const audit = {
          resource: toResource(after),
          before: toSummary(before),
          after: { ...toSummary(after), changed: Object.keys(change) },
        }
        return { status: 200, body: toUserBody(after), audit }
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/tenants/{id}/users/{userId}',
      action: 'user.delete',
      async handle({ tenantId, params }) {
        const user = await ofTenant(engine, tenantId, users.remove(tenantId, parsePathUuid(params, 'userId')))
        return { status: 204, audit: { resource: toResource(user), before: toSummary(user) } }
      },
    }),
  ]
}

const toResource = ({ id }: User): string => `user/${id}`
const toSummary = ({ username, role }: User) => ({ username, role })

const toUserBody = (user: User): z.output<typeof userSchema> => ({
  id: user.id,
  tenant_id: user.tenantId,
  username: user.username,
  role: user.role,
  created_at: user.createdAt.toISOString(),
  updated_at: user.updatedAt.toISOString(),
})
