/** A tenant with something of everything, made through the API as its people would. */
import { type TenantRole, tenantRoles } from '../../../src/core/identity.ts'
import { type Api, createApi } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'

export interface StageUser {
  readonly id: string
  readonly username: string
  readonly role: TenantRole
  readonly token: string
  readonly refreshToken: string
  readonly sessionId: string
}

export interface StageKey {
  readonly id: string
  readonly key: string
}

export interface StageTenant {
  readonly id: string
  readonly users: Readonly<Record<TenantRole, StageUser>>
  /** One of each scope. */
  readonly keys: Readonly<Record<'publish' | 'read' | 'operate', StageKey>>
  readonly messageIds: readonly string[]
  readonly failedIds: readonly string[]
  readonly scheduledIds: readonly string[]
  readonly invitations: readonly { readonly id: string; readonly token: string }[]
  readonly secretNames: readonly string[]
}

export interface TenantPlan {
  /** Is part of every name and text. */
  readonly word: string
  /** Is part of every password and secret. */
  readonly secretWord: string
  /** Stands in the configuration, under a telling name. */
  readonly configWord: string
  readonly roles?: readonly TenantRole[]
}

const perKind = 3

/** Resolves when its messages are processed, or have failed. */
export async function createStageTenant(
  admin: Api,
  { word, secretWord, configWord, roles = tenantRoles }: TenantPlan,
): Promise<StageTenant> {
  const { id } = await admin.createTenant({ name: `tenant ${word}`, description: `about ${word}`, workers: 1 })
  const path = `/v1/tenants/${id}`
  const created = await Promise.all(roles.map((role) => createUser(admin, id, role, { word, secretWord })))
  const users = Object.fromEntries(created.map((user) => [user.role, user])) as StageTenant['users']
  const owner = createApi(admin.url, users.owner.token)
  await owner.expect(200, 'PUT', `${path}/config`, { json: { greeting: word, client_secret: configWord } })
  const invitations = await each(perKind, (n) =>
    owner.expect<{ id: string; token: string }>(201, 'POST', `${path}/invitations`, {
      json: { role: 'viewer', username: `guest-${n}-${word}` },
    }),
  )
  const keys = await Promise.all(
    (['publish', 'read', 'operate'] as const).map(async (scope) => {
      const json = { name: `${scope} ${word}`, scopes: [scope] }
      return [scope, await owner.expect<StageKey>(201, 'POST', `${path}/api-keys`, { json })] as const
    }),
  )
  const secretNames = await each(2, async (n) => {
    const name = `secret-${n}-${word}`
    await owner.expect(204, 'PUT', `${path}/secrets/${name}`, { json: { value: `${secretWord}-${n}` } })
    return name
  })
  return {
    id,
    users,
    keys: Object.fromEntries(keys) as unknown as StageTenant['keys'],
    invitations,
    secretNames,
    ...(await publishAll(owner, id, word)),
  }
}

async function createUser(admin: Api, tenantId: string, role: TenantRole, plan: { word: string; secretWord: string }): Promise<StageUser> {
  const username = `${role}-${plan.word}`
  const password = `${plan.secretWord}-of-${role}`
  const { id } = await admin.expect<{ id: string }>(201, 'POST', `/v1/tenants/${tenantId}/users`, { json: { username, password, role } })
  return { id, username, role, ...(await logIn(admin.url, { username, password, tenant_id: tenantId })) }
}

/** Opens one more session. */
async function logIn(url: string, json: object): Promise<Pick<StageUser, 'token' | 'refreshToken' | 'sessionId'>> {
  const anonymous = createApi(url, '')
  const answer = await anonymous.expect<{ token: string; refresh_token: string }>(200, 'POST', '/v1/auth/login', {
    json,
    headers: { authorization: '' },
  })
  const claims = JSON.parse(Buffer.from(answer.token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { sid: string }
  return { token: answer.token, refreshToken: answer.refresh_token, sessionId: claims.sid }
}

async function publishAll(owner: Api, id: string, word: string) {
  const publish = (type: string, more: object = {}) =>
    each(perKind, (n) => owner.publish(id, { type, data: { word, n }, key: `key ${word}`, ...more }))
  const scheduledAt = new Date(Date.now() + 30 * 86_400_000).toISOString()
  const [messageIds, failing, rejecting, scheduledIds] = await Promise.all([
    publish(`plain ${word}`),
    publish('failing'),
    publish('rejecting'),
    publish(`later ${word}`, { scheduled_at: scheduledAt }),
  ])
  await owner.stored(id, messageIds.length + failing.length + rejecting.length)
  await eventually(async () => (await owner.failed(id)).length >= failing.length + rejecting.length)
  return { messageIds, failedIds: [...failing, ...rejecting], scheduledIds }
}

const each = <T>(count: number, make: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => make(n + 1)))
