import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { Principal } from '../../../src/auth/index.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { createLimiter } from '../../../src/http/index.ts'
import { Refusal } from '../../../src/http/request/refusal.ts'
import type { LimitGroup } from '../../../src/http/route.ts'
import { startApi } from './start-api.ts'

const tenantId = randomUUID() as TenantId
const user = (id: string): Principal => ({ kind: 'tenant_user', id, username: id, tenantId, role: 'owner', sessionId: undefined })

/** A limiter, with the configuration that a tenant has. */
function start(options: Partial<Parameters<typeof createLimiter>[0]> = {}, config: Readonly<Record<string, unknown>> = {}) {
  return createLimiter({
    managementPerSecond: 5,
    chatPerSecond: 3,
    store: 'auto',
    tenantConfig: () => config,
    log: () => undefined,
    ...options,
  })
}

type Limiter = ReturnType<typeof start>
type Client = Partial<Parameters<Limiter['take']>[1]>

/** What became of it: its headers, or its refusal. All takes of one turn of the event loop are in one window. */
async function take(limiter: Limiter, group: LimitGroup, client: Client = {}) {
  try {
    return await limiter.take(group, { principal: undefined, address: '192.0.2.1', tenantId, points: 1, ...client })
  } catch (error) {
    expect(error).to.be.instanceOf(Refusal)
    return error as Refusal
  }
}

const takeMany = (limiter: Limiter, group: LimitGroup, clients: readonly Client[]) =>
  Promise.all(clients.map((client) => take(limiter, group, client)))
const codes = (results: Awaited<ReturnType<typeof takeMany>>) => results.map((result) => (result instanceof Refusal ? result.code : 'ok'))
const times = (count: number, client: Client = {}): readonly Client[] => Array.from({ length: count }, () => client)
const refused = 'request.rate_limited'

describe('the limiter', () => {
  it('lets a client have its requests of a second, says what is left, and refuses the next one with the wait', async () => {
    const results = await takeMany(start(), 'management', times(6))
    expect(codes(results)).to.deep.equal(['ok', 'ok', 'ok', 'ok', 'ok', refused])
    expect(results[0]).to.deep.equal({ 'ratelimit-policy': '"management";q=5;w=1', ratelimit: '"management";r=4;t=1' })
    expect((results[4] as Record<string, string>).ratelimit).to.equal('"management";r=0;t=1')
    const { headers } = results[5] as Refusal
    expect(headers).to.deep.equal({ 'retry-after': '1', 'ratelimit-policy': '"management";q=5;w=1', ratelimit: '"management";r=0;t=1' })
  })

  it('counts chats apart from management', async () => {
    const limiter = start()
    const both = await Promise.all([takeMany(limiter, 'chat', times(4)), takeMany(limiter, 'management', times(5))])
    expect(both.map((results) => codes(results).filter((code) => code === 'ok').length)).to.deep.equal([3, 5])
  })

  it('counts each user, key and address for itself', async () => {
    const key: Principal = { kind: 'api_key', id: 'a', name: 'a', tenantId, scopes: ['read'] }
    const clients = [{ principal: user('a') }, { principal: user('b') }, { principal: key }, {}, { address: '192.0.2.2' }]
    const limiter = start()
    const results = await Promise.all(clients.map((client) => takeMany(limiter, 'management', times(6, client))))
    for (const result of results) expect(codes(result)).to.deep.equal(['ok', 'ok', 'ok', 'ok', 'ok', refused])
  })

  it('counts a user at every address, and one with an id of any text', async () => {
    const limiter = start()
    const principal = user(`\0${'x'.repeat(5_000)}`)
    const clients = Array.from({ length: 6 }, (_, index) => ({ principal, address: `192.0.2.${index}` }))
    expect(codes(await takeMany(limiter, 'management', clients)).at(-1)).to.equal(refused)
  })

  it('counts an IPv6 client by its network, which it has all to itself', async () => {
    const clients = Array.from({ length: 6 }, (_, index) => ({ address: `2001:db8:1:2::${index + 1}` }))
    expect(codes(await takeMany(start(), 'management', clients)).at(-1)).to.equal(refused)
  })

  it('limits nothing when the limit is 0', async () => {
    const limiter = start({ managementPerSecond: 0 })
    expect(limiter.take('management', { principal: undefined, address: '', tenantId, points: 1 })).to.equal(undefined)
  })
})

describe('publishing', () => {
  const quota = { rate_limits: { publish_per_second: 2 } }

  it('without a quota is not limited, and is answered without a promise', () => {
    expect(start().take('publish', { principal: user('a'), address: '', tenantId, points: 1_000 })).to.equal(undefined)
  })

  it('has the tenant’s quota over ten seconds, whoever publishes', async () => {
    const clients = Array.from({ length: 21 }, (_, index) => ({ principal: user(`${index}`) }))
    const results = await takeMany(start({}, quota), 'publish', clients)
    expect(codes(results).filter((code) => code === 'ok')).to.have.length(20)
    expect(results[0]).to.deep.equal({ 'ratelimit-policy': '"publish";q=20;w=10', ratelimit: '"publish";r=19;t=10' })
    const { headers } = results[20] as Refusal
    expect(Number(headers['retry-after'])).to.be.within(1, 10)
  })

  it('counts the messages of a batch; one that does not fit takes no room from those that do', async () => {
    const limiter = start({}, quota)
    expect(codes([await take(limiter, 'publish', { points: 15 })])).to.deep.equal(['ok'])
    expect(codes([await take(limiter, 'publish', { points: 6 })])).to.deep.equal([refused])
    expect(codes([await take(limiter, 'publish', { points: 5 })])).to.deep.equal(['ok'])
    expect(codes([await take(limiter, 'publish', { points: 1 })])).to.deep.equal([refused])
  })

  it('of a batch that no window has room for cannot be done', async () => {
    const refusal = (await take(start({}, quota), 'publish', { points: 21 })) as Refusal
    expect(refusal.code).to.equal('request.unprocessable')
    expect(refusal.faults).to.deep.equal([{ path: 'messages', message: 'has 21 messages; the tenant may publish 20 in 10 seconds' }])
  })

  it('of one tenant leaves the quota of another alone, and follows a configuration that has to be read first', async () => {
    const limiter = start({ tenantConfig: async () => quota })
    const other = randomUUID() as TenantId
    const results = await takeMany(limiter, 'publish', [{ points: 20 }, { points: 20, tenantId: other }, { points: 1 }])
    expect(codes(results)).to.deep.equal(['ok', 'ok', refused])
  })
})

describe('the API', () => {
  it('answers 429 with a problem and headers above the limit, and tells below it what is left', async () => {
    await using api = await startApi({ limiter: start({ managementPerSecond: 2 }) })
    const answers = await Promise.all(Array.from({ length: 50 }, () => api.call('GET', '/v1/tenants')))
    const refusal = answers.find(({ status }) => status === 429)
    expect(refusal?.body).to.include({ code: refused, status: 429, title: 'Too many requests' })
    expect(refusal?.headers.get('retry-after')).to.equal('1')
    const answer = answers.find(({ status }) => status === 200)
    for (const each of [refusal, answer]) {
      expect(each?.headers.get('ratelimit-policy')).to.equal('"management";q=2;w=1')
      expect(each?.headers.get('ratelimit')).to.match(/^"management";r=[01];t=1$/)
    }
  })

  it('counts requests without good credentials by their address, which nobody can choose', async () => {
    await using api = await startApi({ limiter: start({ managementPerSecond: 2 }) })
    const ask = (index: number) =>
      api.call('GET', '/v1/tenants', { token: `wrong-${index}`, headers: { 'x-forwarded-for': `203.0.113.${index}` } })
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(index)))
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([401, 429]))
    // Whoever has credentials is not whoever has none, at the same address.
    expect((await api.call('GET', '/v1/tenants')).status).to.equal(200)
  })

  it('counts what is refused, too: whether it is forbidden, hidden, or no tenant at all', async () => {
    await using api = await startApi({ limiter: start({ managementPerSecond: 2 }) })
    const { id: foreign } = (await api.engine.createTenant({ name: 'foreign' })).tenant
    const { id: own } = (await api.engine.createTenant({ name: 'own' })).tenant
    const json = { type: 't', data: 1 }
    for (const [status, method, path] of [
      [403, 'GET', '/v1/audit'],
      [404, 'GET', `/v1/tenants/${foreign}/messages`],
      [403, 'POST', `/v1/tenants/${own}/messages`],
      [404, 'POST', `/v1/tenants/${foreign}/messages`],
      [400, 'GET', '/v1/tenants/nobody'],
    ] as const) {
      const token = await api.tokenOf(own, 'viewer')
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => api.call(method, path, { token, ...(method === 'POST' ? { json } : {}) })),
      )
      expect(new Set(answers.map((answer) => answer.status)), `${method} ${path}`).to.deep.equal(new Set([status, 429]))
    }
    expect(api.engine.messages).to.deep.equal([])
  })

  it('never limits what says whether the node is well', async () => {
    await using api = await startApi({ limiter: start({ managementPerSecond: 1 }) })
    for (const path of ['/healthz', '/readyz', '/metrics', '/healthz', '/readyz', '/metrics']) {
      expect((await api.call('GET', path, { token: null })).status, path).to.equal(200)
    }
  })

  it('limits publishing by the tenant’s configuration, and names the messages of a batch that is too large', async () => {
    const quota = { rate_limits: { publish_per_second: 1 } }
    await using api = await startApi({ limiter: start({ tenantConfig: () => quota }) })
    const id = await api.createTenant()
    const publish = (count: number) =>
      api.call('POST', `/v1/tenants/${id}/messages/batch`, { json: { messages: Array(count).fill({ type: 't', data: 1 }) } })
    expect((await publish(11)).body.errors).to.deep.equal([
      { path: 'messages', message: 'has 11 messages; the tenant may publish 10 in 10 seconds' },
    ])
    const first = await publish(10)
    expect([first.status, first.headers.get('ratelimit-policy')]).to.deep.equal([202, '"publish";q=10;w=10'])
    const second = await api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
    expect([second.status, second.body.code]).to.deep.equal([429, refused])
    expect(api.engine.messages).to.have.length(10)
  })
})
