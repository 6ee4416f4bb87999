/** POST /auth/login and GET /auth/me. */
import type { z } from 'zod'
import type { Login, Principal } from '../../../auth/index.ts'
import { Refusal } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type loginAnswer, loginBody, type userSchema } from '../../schemas/auth.ts'

export function createAuthRoutes({ login }: { login: Login }): readonly Route[] {
  return [
    /**
     * @openapi
     * /auth/login:
     *   post:
     *     operationId: login
     *     tags: [auth]
     *     summary: Exchange a username and a password for a token
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/LoginBody' } } } }
     *     responses:
     *       200: { description: The token, content: { application/json: { schema: { $ref: '#/components/schemas/LoginAnswer' } } } }
     */
    defineRoute({
      method: 'post',
      path: '/auth/login',
      action: 'public',
      body: loginBody,
      async handle({ body, address }) {
        const answer = await login({ username: body.username, password: body.password, address })
        if (answer.kind === 'refused') throw refused()
        if (answer.kind === 'throttled') throw throttled(answer.retryAfterMs)
        const { token, expiresInSeconds, principal } = answer
        const session: z.output<typeof loginAnswer> = { token, token_type: 'Bearer', expires_in: expiresInSeconds, user: toUser(principal) }
        return { status: 200, body: session }
      },
    }),

    /**
     * @openapi
     * /auth/me:
     *   get:
     *     operationId: readMe
     *     tags: [auth]
     *     summary: Who the token speaks for
     *     responses:
     *       200: { description: The user, content: { application/json: { schema: { $ref: '#/components/schemas/User' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/auth/me',
      action: 'session.read',
      handle: ({ principal }) => ({ status: 200, body: toUser(principal) }),
    }),
  ]
}

function toUser(principal: Principal): z.output<typeof userSchema> {
  if (principal.kind === 'admin') return { username: principal.username, role: 'admin', tenant_id: null }
  return { username: principal.username, role: principal.role, tenant_id: principal.tenantId }
}

const refused = () =>
  new Refusal('auth.refused', 'The username or the password is wrong.', { headers: { 'www-authenticate': 'Bearer realm="tenantry"' } })

const throttled = (retryAfterMs: number) =>
  new Refusal('auth.throttled', 'Too many failed logins; try again later.', {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
  })
