import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import { maxRequestsInFlight } from '../../../src/http/edge/in-flight.ts'
import type { ExportTenant } from '../../../src/http/routes/tenants/export.ts'
import { eventually } from '../../support/eventually.ts'
import { openWire } from './edge-wire.ts'
import { createMemoryEngine } from './memory-engine.ts'
import { startApi } from './start-api.ts'

const refused = 'request.rate_limited'

/** An engine whose lists of one tenant wait until the test lets them go on. */
function createGatedEngine() {
  const engine = createMemoryEngine()
  const opened = Promise.withResolvers<void>()
  const { listMessages } = engine
  let held: TenantId | undefined
  let begun = 0
  engine.listMessages = async (query) => {
    if (query.tenantId === held) {
      begun += 1
      await opened.promise
    }
    return listMessages(query)
  }
  return {
    engine,
    hold: (tenantId: TenantId) => {
      held = tenantId
    },
    begun: () => begun,
    open: () => opened.resolve(),
  }
}

describe('requests in flight', () => {
  it('are so many of one tenant at once, whoever sends them; publishes, other tenants and admins go on', async () => {
    const gated = createGatedEngine()
    await using api = await startApi({ engine: gated.engine })
    const [id, other] = [await api.createTenant('acme'), await api.createTenant('other')]
    const [viewer, member, stranger] = [
      await api.tokenOf(id, 'viewer'),
      await api.tokenOf(id, 'member'),
      await api.tokenOf(other, 'viewer'),
    ]
    gated.hold(id)
    const list = (of: TenantId, token: string) => api.call('GET', `/v1/tenants/${of}/messages`, { token })
    const held = Array.from({ length: maxRequestsInFlight }, () => list(id, viewer))
    await eventually(() => gated.begun() === maxRequestsInFlight)

    const refusal = await api.call('GET', `/v1/tenants/${id}`, { token: member })
    expect([refusal.status, refusal.body.code, refusal.headers.get('retry-after')]).to.deep.equal([429, refused, '1'])
    expect((await list(other, stranger)).status).to.equal(200)
    expect((await api.call('GET', `/v1/tenants/${id}`)).status).to.equal(200)
    const json = { type: 't', data: 1 }
    expect((await api.call('POST', `/v1/tenants/${id}/messages`, { token: member, json })).status).to.equal(202)

    gated.open()
    expect(new Set((await Promise.all(held)).map(({ status }) => status))).to.deep.equal(new Set([200]))
    expect((await eventually(async () => (await list(id, viewer)).status === 200)) satisfies boolean).to.equal(true)
  })

  it('of clients that have gone count until their work has ended', async () => {
    const gated = createGatedEngine()
    await using api = await startApi({ engine: gated.engine })
    const id = await api.createTenant()
    const token = await api.tokenOf(id, 'viewer')
    gated.hold(id)
    const leaving = new AbortController()
    const headers = { authorization: `Bearer ${token}` }
    const left = Array.from({ length: maxRequestsInFlight }, () =>
      fetch(`${api.base}/v1/tenants/${id}/messages`, { headers, signal: leaving.signal }).catch(() => undefined),
    )
    await eventually(() => gated.begun() === maxRequestsInFlight)
    leaving.abort()
    await Promise.all(left)
    // The connections are gone for the server, too, once it has answered on them all it ever will.
    expect((await api.call('GET', `/v1/tenants/${id}`, { token })).status).to.equal(429)
    gated.open()
    await eventually(async () => (await api.call('GET', `/v1/tenants/${id}`, { token })).status === 200)
  })
})

describe('exports in flight', () => {
  const line = `${'x'.repeat(65_535)}\n`
  let ended = 0
  const endless: ExportTenant = async function* () {
    try {
      for (;;) yield line
    } finally {
      ended += 1
    }
  }

  for (const [name, wires, each] of [
    ['on connections of their own', 2, 1],
    ['behind one another on one connection', 1, 2],
  ] as const) {
    it(`are two of a tenant, ${name}, until their client has read them or has gone`, async () => {
      ended = 0
      await using api = await startApi({ exportTenant: endless })
      const [id, other] = [await api.createTenant('acme'), await api.createTenant('other')]
      const owner = await api.tokenOf(id, 'owner')
      const question = (of: TenantId, token: string) =>
        `GET /v1/tenants/${of}/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`
      const opened = await Promise.all(Array.from({ length: wires }, () => openWire(api.port)))
      for (const wire of opened) {
        wire.socket.pause()
        wire.send(question(id, owner).repeat(each))
      }
      const ask = async (token: string) => {
        const leaving = new AbortController()
        const { status } = await fetch(`${api.base}/v1/tenants/${id}/export`, {
          headers: { authorization: `Bearer ${token}` },
          signal: leaving.signal,
        })
        leaving.abort()
        return status
      }
      await eventually(async () => (await api.audited(id)).filter(({ action }) => action === 'tenant.export').length === 2)
      expect([await ask(owner), await ask(api.adminToken)]).to.deep.equal([429, 429])
      await using elsewhere = await openWire(api.port)
      elsewhere.send(question(other, api.adminToken))
      await eventually(() => elsewhere.text().startsWith('HTTP/1.1 200'))
      for (const wire of opened) await wire[Symbol.asyncDispose]()
      await eventually(() => ended === 2)
      await eventually(async () => (await ask(owner)) === 200)
    })
  }
})
