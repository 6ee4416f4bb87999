/** /metrics as the server answers it: to whom, what, and with which of its own requests counted. */
import { expect } from 'chai'
import { eventually } from '../../support/eventually.ts'
import { startApi } from '../http/start-api.ts'
import { createSyntheticNode } from './synthetic-node.ts'

const metricsToken = 'a-token-of-sixteen-characters'

async function startMetricsApi(token: string | undefined) {
  const { metrics, sampler } = createSyntheticNode(20)
  const api = await startApi({
    metricsToken: token,
    metrics: async (options) => {
      const { contentType, text } = await metrics.render(options)
      return { contentType, body: text }
    },
    countRequest: metrics.answered,
  })
  return {
    api,
    metrics,
    async [Symbol.asyncDispose]() {
      sampler.stop()
      await api[Symbol.asyncDispose]()
    },
  }
}

const namesTenants = (text: string): boolean => text.includes('tenant="018f3c1e')

describe('the server’s /metrics', () => {
  it('shows tenants to those with the token and to platform admins, and nothing to anybody else, when there is a token', async () => {
    await using started = await startMetricsApi(metricsToken)
    const { api } = started
    const tenantId = await api.createTenant()
    const read = (token: string | null, headers = {}) => api.call('GET', '/metrics', { token, headers })
    for (const token of [metricsToken, api.adminToken]) {
      const { status, text } = await read(token)
      expect([status, namesTenants(text)]).to.deep.equal([200, true])
    }
    for (const token of [null, `${metricsToken}x`, await api.tokenOf(tenantId, 'owner')]) {
      const { status, body, headers } = await read(token)
      expect([status, body.code, headers.get('www-authenticate')]).to.deep.equal([401, 'auth.required', 'Bearer realm="tenantry metrics"'])
    }
    const open = await read(metricsToken, { accept: 'application/openmetrics-text; version=1.0.0' })
    expect(open.headers.get('content-type')).to.equal('application/openmetrics-text; version=1.0.0; charset=utf-8')
    expect(open.text).to.match(/# EOF\n$/)
  })

  it('is open without a token, names no tenant but to platform admins, and counts what was asked', async () => {
    await using started = await startMetricsApi(undefined)
    const { api, metrics } = started
    const anonymous = await api.call('GET', '/metrics', { token: null })
    expect([anonymous.status, namesTenants(anonymous.text)]).to.deep.equal([200, false])
    expect(namesTenants((await api.call('GET', '/metrics')).text)).to.equal(true)
    await api.call('GET', '/v1/tenants/018f3c1e-7b7a-7c3e-9a55-000000000001')
    await eventually(async () =>
      (await metrics.render()).text.includes('tenantry_http_requests_total{action="tenant.read",status="4xx"} 1'),
    )
    expect((await metrics.render()).text).to.include('tenantry_http_requests_total{action="public",status="2xx"} 2')
  })

  it('counts a stream, and leaves its duration out', async () => {
    await using started = await startMetricsApi(undefined)
    const { api, metrics } = started
    expect((await api.call('GET', '/v1/actors/stream')).status).to.equal(200)
    const read = async () => (await metrics.render()).text
    await eventually(async () => (await read()).includes('tenantry_http_requests_total{action="actor.watch",status="2xx"} 1'))
    expect(await read()).to.include('tenantry_http_request_seconds_count{kind="read"} 0')
  })
})
