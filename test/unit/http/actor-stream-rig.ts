/** The stream's route behind a real server, over actors that go through what the test says, with real tokens and keys. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { ApiKeyScope, TenantRole } from '../../../src/core/identity.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { answerErrors } from '../../../src/http/answer/errors.ts'
import type { EventTiming } from '../../../src/http/answer/events.ts'
import { createRouter } from '../../../src/http/create-router.ts'
import { createInFlight } from '../../../src/http/edge/in-flight.ts'
import { createActorStreamRoutes } from '../../../src/http/routes/actors/stream.ts'
import { type EventStream, openEvents } from '../../support/event-client.ts'
import { createActor } from '../../support/memory-inspection.ts'
import { createNode } from '../engine/inspection/watch-rig.ts'
import { createMemoryApi } from './start-api.ts'

const client = { address: '192.0.2.1', userAgent: null }

/** With two tenants. */
export async function startStreamApi(timing: Partial<EventTiming> = {}) {
  const { engine, stores, inspection, options } = createMemoryApi()
  const { identity } = options
  const addTenant = async (name: string): Promise<TenantId> => (await engine.createTenant({ name })).tenant.id
  const [acme, other] = [await addTenant('acme'), await addTenant('other')]
  for (const id of [acme, other]) inspection.actors.push(createActor(`tenant:${id}`), createActor(`tenant:${id}.worker:1`))
  inspection.actors.push(createActor('brokerLink'))
  const node = createNode({ tenants: [acme, other], timing: { sample: 20 } })
  const scope = new AsyncLocalStorage<TenantId | undefined>()
  /** Of the requests whose watches have begun. */
  const scopes: (TenantId | undefined)[] = []
  let isDraining = false

  const watched = {
    ...inspection,
    watch: (...given: Parameters<typeof node.watches.watch>) => {
      scopes.push(scope.getStore())
      return node.watches.watch(...given)
    },
  }
  const router = createRouter(createActorStreamRoutes(engine, watched), {
    identity,
    asTenant: (tenantId, work) => scope.run(tenantId, work),
    limiter: { take: () => undefined },
    inFlight: createInFlight(),
    recordAudit: async () => {},
    readJson: async () => undefined,
    isDraining: () => isDraining,
    log: () => {},
    timing: { drain: 5, recheck: 5, ...timing },
  })
  const app = express().use(
    '/v1',
    router,
    answerErrors(() => {}),
  )
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/actors/stream`

  const logIn = async (username: string, password: string, tenantId?: TenantId) => {
    const answer = await identity.login({ username, password, tenantId, client })
    if (answer.kind !== 'granted') throw new Error(`the login of ${username} is ${answer.kind}`)
    return { principal: answer.principal, headers: { authorization: `Bearer ${answer.token}` } }
  }
  await stores.auth.createAdminIfNone({ username: 'admin', passwordHash: 'hash of password', appliedHash: null })
  const admin = await logIn('admin', 'password')
  const opened: EventStream[] = []
  let users = 0
  return {
    ...node,
    acme,
    other,
    url,
    identity,
    inspection,
    scopes,
    admin: admin.headers,
    addTenant,
    drain: () => {
      isDraining = true
    },
    async logInUser(tenantId: TenantId, role: TenantRole = 'viewer') {
      const username = `user-${++users}`
      const user = await identity.users.create(tenantId, { username, password: 'a-password', role })
      return { ...user, ...(await logIn(username, 'a-password', tenantId)) }
    },
    async createKey(tenantId: TenantId, ...scopes: readonly ApiKeyScope[]) {
      const { key, secret } = await identity.apiKeys.create(tenantId, { name: 'key', scopes, expiresAt: null, createdBy: admin.principal })
      return { id: key.id, headers: { 'x-api-key': secret } }
    },
    async watch(headers: Readonly<Record<string, string>> = admin.headers, query = ''): Promise<EventStream> {
      const stream = await openEvents(`${url}${query}`, headers)
      opened.push(stream)
      return stream
    },
    async [Symbol.asyncDispose]() {
      for (const stream of opened) await stream[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      node[Symbol.dispose]()
    },
  }
}
