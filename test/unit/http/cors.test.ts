import { expect } from 'chai'
import { startApi } from './start-api.ts'

const origin = 'https://console.example.com'
const preflight = (from: string) => ({
  token: null,
  headers: { origin: from, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
})

describe('web pages of another origin', () => {
  it('may not call the API unless it is configured', async () => {
    await using api = await startApi()
    const asked = await api.call('OPTIONS', '/v1/tenants', preflight(origin))
    const answer = await api.call('GET', '/v1/tenants', { headers: { origin } })
    for (const { headers } of [asked, answer]) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).to.deep.equal([])
    }
    expect([asked.status, asked.headers.get('allow')]).to.deep.equal([204, 'POST, GET, HEAD'])
  })

  it('may call it when theirs is configured, and read the headers that clients need', async () => {
    await using api = await startApi({ corsOrigins: ['https://other.example.com', origin] })
    const asked = await api.call('OPTIONS', '/v1/tenants', preflight(origin))
    expect(asked.status).to.equal(204)
    expect(asked.headers.get('access-control-allow-origin')).to.equal(origin)
    expect(asked.headers.get('access-control-allow-methods')).to.include('DELETE')
    expect(asked.headers.get('access-control-allow-headers')).to.include('Authorization').and.include('Idempotency-Key')
    expect(asked.headers.get('access-control-max-age')).to.equal('600')
    expect(asked.headers.get('x-request-id')).to.match(/^[\w-]+$/)
    const answer = await api.call('POST', '/v1/tenants', { headers: { origin }, json: { name: 'acme' } })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).to.deep.equal([201, origin])
    expect(answer.headers.get('vary')).to.equal('Origin')
    const exposed = (answer.headers.get('access-control-expose-headers') ?? '').toLowerCase().split(',')
    expect(exposed).to.include.members([
      'etag',
      'location',
      'retry-after',
      'ratelimit',
      'ratelimit-policy',
      'x-request-id',
      'idempotency-replayed',
    ])
    expect(answer.headers.get('access-control-allow-credentials')).to.equal(null)
  })

  it('may read why they were refused', async () => {
    await using api = await startApi({ corsOrigins: [origin] })
    const answer = await api.call('GET', '/v1/tenants', { headers: { origin }, token: null })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).to.deep.equal([401, origin])
  })

  for (const from of ['https://console.example.com.evil.example', 'http://console.example.com', 'https://evil.example', 'null']) {
    it(`may not call it from ${from} when others may`, async () => {
      await using api = await startApi({ corsOrigins: [origin] })
      const asked = await api.call('OPTIONS', '/v1/tenants', preflight(from))
      const answer = await api.call('GET', '/v1/tenants', { headers: { origin: from } })
      expect([asked, answer].map(({ headers }) => headers.get('access-control-allow-origin'))).to.deep.equal([null, null])
    })
  }

  it('leave other uses of OPTIONS as they are', async () => {
    await using api = await startApi({ corsOrigins: [origin] })
    const { status, headers } = await api.call('OPTIONS', '/v1/tenants', { token: null })
    expect([status, headers.get('allow')]).to.deep.equal([204, 'POST, GET, HEAD'])
  })
})
