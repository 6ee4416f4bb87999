/** POST /auth/logout, /auth/password, the own sessions and GET /auth/me. */
import type { z } from 'zod'
import type { Identity, Principal } from '../../../auth/index.ts'
import type { Session } from '../../../core/ports/identity-store.ts'
import { NotedFailure } from '../../audit-note.ts'
import { parsePathUuid } from '../../request/path-id.ts'
import { unprocessable } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type callerSchema, passwordBody, type sessionSchema, sessionsQuery } from '../../schemas/auth.ts'
import { emptyBody } from '../../schemas/common.ts'
import { noteUnfinished } from '../note-unfinished.ts'
import { replyWholeList } from '../reply-whole-list.ts'
import { throttled, toClient, toLoginUser } from './reply-granted.ts'

export function createSessionRoutes(identity: Identity): readonly Route[] {
  return [
    /**
     * @openapi
     * /auth/me:
     *   get:
     *     operationId: readMe
     *     tags: [auth]
     *     summary: Who the token or the API key speaks for
     *     responses:
     *       200: { description: The user or the key, content: { application/json: { schema: { $ref: '#/components/schemas/Caller' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/auth/me',
      action: 'session.read',
      handle: ({ principal }) => ({ status: 200, body: toCaller(principal) }),
    }),

    /**
     * @openapi
     * /auth/logout:
     *   post:
     *     operationId: logout
     *     tags: [auth]
     *     summary: End the session of this token
     *     responses:
     *       204: { description: Its tokens are not accepted any more }
     */
    defineRoute({
      method: 'post',
      path: '/auth/logout',
      action: 'session.logout',
      body: emptyBody,
      async handle({ principal }) {
        await identity.logout(principal)
        return { status: 204, audit: toSessionResource(sessionOf(principal)) }
      },
    }),

    /**
     * @openapi
     * /auth/password:
     *   post:
     *     operationId: changePassword
     *     tags: [auth]
     *     summary: Change the own password
     *     description: Every other session of the user ends.
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/PasswordBody' } } } }
     *     responses:
     *       204: { description: It is changed }
     *       422: { description: '`request.unprocessable`: the current password is another.', content: { application/problem+json: { schema: { $ref: '#/components/schemas/Problem' } } } }
     *       429: { $ref: '#/components/responses/Throttled' }
     */
    defineRoute({
      method: 'post',
      path: '/auth/password',
      action: 'password.change',
      body: passwordBody,
      async handle({ principal, body: { current_password, new_password }, address, headers }) {
        const resource = `user/${principal.id}`
        const answer = await noteUnfinished({ resource }, () =>
          identity.changePassword(principal, current_password, new_password, toClient(address, headers)),
        )
        if (answer.kind === 'throttled') throw throttled(answer.retryAfterMs)
        if (answer.kind === 'changed') return { status: 204, audit: { resource } }
        const refusal = unprocessable({ path: 'current_password', message: 'is not the current password' })
        throw new NotedFailure(refusal, { action: 'password.change_refused', resource })
      },
    }),

    /**
     * @openapi
     * /auth/sessions:
     *   get:
     *     operationId: listSessions
     *     tags: [auth]
     *     summary: The own sessions, the newest first
     *     description: A user has at most 100.
     *     parameters:
     *       - { $ref: '#/components/parameters/Sessions.limit' }
     *       - { $ref: '#/components/parameters/Sessions.cursor' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/SessionList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/auth/sessions',
      action: 'session.list',
      query: sessionsQuery,
      async handle({ principal, query }) {
        return replyWholeList(await identity.sessions(principal), query, {
          scope: 'sessions',
          keyOf: ({ createdAt, id }) => `${createdAt.toISOString()} ${id}`,
          newestFirst: true,
          toBody: (session) => toSessionBody(session, sessionOf(principal)),
        })
      },
    }),

    /**
     * @openapi
     * /auth/sessions/{sid}:
     *   delete:
     *     operationId: revokeSession
     *     tags: [auth]
     *     summary: End one of the own sessions
     *     parameters:
     *       - { $ref: '#/components/parameters/SessionId' }
     *     responses:
     *       204: { description: Its tokens are not accepted any more }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'delete',
      path: '/auth/sessions/{sid}',
      action: 'session.revoke',
      async handle({ principal, params }) {
        const id = parsePathUuid(params, 'sid')
        await identity.revokeSession(principal, id)
        return { status: 204, audit: toSessionResource(id) }
      },
    }),
  ]
}

const sessionOf = (principal: Principal): string | undefined => (principal.kind === 'api_key' ? undefined : principal.sessionId)

const toSessionResource = (id: string | undefined) => (id === undefined ? {} : { resource: `session/${id}` })

function toCaller(principal: Principal): z.output<typeof callerSchema> {
  if (principal.kind !== 'api_key') return toLoginUser(principal)
  const { id, name, scopes, tenantId } = principal
  return { id, api_key: name, scopes: [...scopes], tenant_id: tenantId }
}

const toSessionBody = (session: Session, current: string | undefined): z.output<typeof sessionSchema> => ({
  id: session.id,
  created_at: session.createdAt.toISOString(),
  last_used_at: session.lastUsedAt.toISOString(),
  expires_at: session.expiresAt.toISOString(),
  address: session.address,
  user_agent: session.userAgent,
  current: session.id === current,
})
