import { once } from 'node:events'
import { connect } from 'node:net'
import { expect } from 'chai'
import { createHttpServer } from '../../../src/http/index.ts'
import { createMemoryEngine } from './memory-engine.ts'
import { createMemoryApi, startApi } from './start-api.ts'

const never = new Promise<never>(() => {})

/** An API whose list of tenants answers when it is told to. */
async function startSlowApi() {
  const engine = createMemoryEngine()
  const asked = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const list = engine.listTenants
  engine.listTenants = async (query) => {
    asked.resolve()
    await release.promise
    return list(query)
  }
  const api = await startApi({ engine })
  return { api, asked: asked.promise, release: release.resolve, [Symbol.asyncDispose]: () => api.server.close(0) }
}

/** A server that does not listen yet. */
const createIdle = () =>
  createHttpServer({
    ...createMemoryApi().options,
    asTenant: (_tenantId, work) => work(),
    limiter: { take: () => undefined },
    metrics: () => never,
    limits: { bodyBytes: 10 },
    servesApi: true,
    log: () => {},
    version: '0',
  })

describe('the HTTP server', () => {
  it('refuses writes and readiness while it drains, and still answers reads', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    api.server.startDraining()
    const ready = await api.call('GET', '/readyz')
    expect([ready.status, ready.body.status]).to.deep.equal([503, 'draining'])
    const write = await api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
    expect([write.status, write.body.code, write.headers.get('retry-after')]).to.deep.equal([503, 'node.draining', '1'])
    expect((await api.call('GET', `/v1/tenants/${id}`)).status).to.equal(200)
    expect((await api.call('GET', '/healthz')).status).to.equal(200)
  })

  it('finishes the request in flight when it closes, then ends its connection', async () => {
    await using slow = await startSlowApi()
    const answer = slow.api.call('GET', '/v1/tenants')
    await slow.asked
    const closing = slow.api.server.close(60_000)
    slow.release()
    expect((await answer).status).to.equal(200)
    await closing
    const refused = await slow.api.call('GET', '/healthz').catch((error) => error.cause.code)
    expect(refused).to.equal('ECONNREFUSED')
  })

  it('destroys what is still open at the deadline', async () => {
    await using slow = await startSlowApi()
    const answer = slow.api.call('GET', '/v1/tenants').catch((error) => error)
    await slow.asked
    await slow.api.server.close(20)
    expect(await answer).to.be.instanceOf(Error)
  })

  it('closes connections that never sent anything', async () => {
    await using api = await startApi()
    const socket = connect(api.port, '127.0.0.1')
    await once(socket, 'connect')
    const ended = once(socket, 'close')
    socket.resume()
    await api.server.close(20)
    await ended
  })

  it('closes twice, and without having listened', async () => {
    const api = await startApi()
    await Promise.all([api.server.close(1000), api.server.close(1000)])
    await createIdle().close(1000)
  })

  it('says that its port is taken', async () => {
    await using api = await startApi()
    const failure = await createIdle()
      .listen(api.port, '127.0.0.1')
      .catch((error) => error.code)
    expect(failure).to.equal('EADDRINUSE')
  })

  it('survives a client that leaves in the middle of its body', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const socket = connect(api.port, '127.0.0.1')
    socket.write(
      `POST /v1/tenants/${id}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.adminToken}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"type"`,
    )
    await once(socket, 'connect')
    socket.end()
    await once(socket.resume(), 'close')
    expect((await api.call('GET', '/healthz')).status).to.equal(200)
    expect(api.logged.filter(({ level }) => level === 'error')).to.deep.equal([])
  })
})
