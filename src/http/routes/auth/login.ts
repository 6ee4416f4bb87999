/** POST /auth/login, /auth/refresh and /auth/register. */
import type { Identity } from '../../../auth/index.ts'
import { AppError } from '../../../core/errors.ts'
import { readTenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { type AuditNote, NotedFailure } from '../../audit-note.ts'
import { toDoer } from '../../record-audit.ts'
import type { Refusal } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { loginBody, refreshBody, registrationBody } from '../../schemas/auth.ts'
import { refused, replyGranted, throttled, toClient } from './reply-granted.ts'

type Tenants = Pick<EngineApi, 'findTenant'>

export function createLoginRoutes(identity: Identity, tenants: Tenants): readonly Route[] {
  return [
    /**
     * @openapi
     * /auth/login:
     *   post:
     *     operationId: login
     *     tags: [auth]
     *     summary: Exchange a username and a password for a token
     *     description: A tenant's user gives `tenant_id`, too; a username means somebody else in each tenant.
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/LoginBody' } } } }
     *     responses:
     *       200: { description: The tokens of a new session, content: { application/json: { schema: { $ref: '#/components/schemas/LoginAnswer' } } } }
     *       401: { $ref: '#/components/responses/WrongCredentials' }
     *       429: { $ref: '#/components/responses/Throttled' }
     */
    defineRoute({
      method: 'post',
      path: '/auth/login',
      action: 'public',
      body: loginBody,
      async handle({ body: { username, password, tenant_id }, address, headers }) {
        const tenantId = readTenantId(tenant_id ?? '')
        const answer = await identity.login({ username, password, tenantId, client: toClient(address, headers) })
        if (answer.kind === 'throttled') throw throttled(answer.retryAfterMs)
        if (answer.kind === 'refused') throw new NotedFailure(wrongPassword(), noteRefusal(tenants, username, tenantId))
        return replyGranted(200, answer, { action: 'session.login' })
      },
    }),

    /**
     * @openapi
     * /auth/refresh:
     *   post:
     *     operationId: refreshSession
     *     tags: [auth]
     *     summary: Exchange a refresh token for new tokens
     *     description: The refresh token is spent. One that comes a second time has been copied, so it ends its session.
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/RefreshBody' } } } }
     *     responses:
     *       200: { description: The session's new tokens, content: { application/json: { schema: { $ref: '#/components/schemas/LoginAnswer' } } } }
     *       401: { $ref: '#/components/responses/WrongCredentials' }
     */
    defineRoute({
      method: 'post',
      path: '/auth/refresh',
      action: 'public',
      body: refreshBody,
      async handle({ body, address, headers }) {
        const answer = await identity.refresh(body.refresh_token, toClient(address, headers))
        if (answer.kind === 'throttled') throw throttled(answer.retryAfterMs)
        if (answer.kind === 'granted') return replyGranted(200, answer)
        const refusal = refused('The refresh token is not valid.')
        if (answer.kind === 'refused') throw refusal
        const { principal } = answer
        throw new NotedFailure(refusal, {
          action: 'session.refresh_reused',
          tenantId: principal.kind === 'admin' ? null : principal.tenantId,
          doer: toDoer(principal),
          ...('sessionId' in principal && principal.sessionId ? { resource: `session/${principal.sessionId}` } : {}),
        })
      },
    }),

    /**
     * @openapi
     * /auth/register:
     *   post:
     *     operationId: register
     *     tags: [auth]
     *     summary: Become a user, by invitation or with a tenant of one's own
     *     description: What the installation's `auth.registration` allows.
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/RegistrationBody' } } } }
     *     responses:
     *       201: { description: The tokens of a first session, content: { application/json: { schema: { $ref: '#/components/schemas/LoginAnswer' } } } }
     *       409: { $ref: '#/components/responses/NameTaken' }
     *       429: { $ref: '#/components/responses/Throttled' }
     */
    defineRoute({
      method: 'post',
      path: '/auth/register',
      action: 'public',
      body: registrationBody,
      async handle({ body: { username, password, invitation, tenant_name }, address, headers }) {
        const client = toClient(address, headers)
        const answer =
          tenant_name === undefined
            ? await identity.acceptInvitation({ invitation: invitation ?? '', username, password, client })
            : await identity.registerTenant({ tenantName: tenant_name, username, password, client }).catch(nameTenantField)
        if (answer.kind === 'throttled') throw throttled(answer.retryAfterMs)
        if (answer.kind === 'refused') throw refused('The registration was refused.')
        const after = {
          username,
          ...('role' in answer.principal ? { role: answer.principal.role } : {}),
          ...(tenant_name ? { tenant_name } : {}),
        }
        return replyGranted(201, answer, { action: 'session.register', after })
      },
    }),
  ]
}

/** The same for an unknown tenant, an unknown user and a wrong password. */
const wrongPassword = (): Refusal => refused('The username or the password is wrong. A user of a tenant gives its tenant_id, too.')

/** A tenant that does not exist, or is being deleted, gets no entries of its own. */
async function noteRefusal(tenants: Tenants, username: string, tenantId: ReturnType<typeof readTenantId>): Promise<AuditNote> {
  const note = { action: 'session.login_refused', doer: { kind: 'anonymous', id: null, name: username } } as const
  if (tenantId === undefined) return { ...note, tenantId: null }
  const tenant = await tenants.findTenant(tenantId)
  const isAlive = tenant !== undefined && tenant.status !== 'deleting'
  return isAlive ? { ...note, tenantId } : { ...note, tenantId: null, resource: `tenant/${tenantId}` }
}

/** The tenant's name has another field here than where tenants are created. */
function nameTenantField(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== 'tenant.name_taken') throw error
  throw new AppError(error.code, error.message, { details: { field: 'tenant_name' }, cause: error })
}
