import { expect } from 'chai'
import type { Request, Response } from 'express'
import { AppError } from '../../../src/core/errors.ts'
import { logAnswered } from '../../../src/http/request-facts.ts'
import { createLogger } from '../../../src/observability/logger.ts'
import { nobody } from './fill-path.ts'
import { createMemoryEngine } from './memory-engine.ts'
import { startApi } from './start-api.ts'

const canary = 'kingfisher'
const traceId = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${traceId}-b7ad6b7169203331-01`

/** An API whose log is written as a node writes it, at the level that says most. */
async function setup() {
  const lines: string[] = []
  const logger = createLogger({ level: 'debug', format: 'json' }, { write: (line) => void lines.push(line) })
  const api = await startApi({ engine: createMemoryEngine(), log: (level, message, details) => logger[level](message, details) })
  /** The lines of one request, which must be one JSON object each. */
  const linesOf = (id: string): Record<string, unknown>[] => lines.map((line) => JSON.parse(line)).filter((line) => line.request_id === id)
  return { api, lines, linesOf, [Symbol.asyncDispose]: () => api.server.close(0) }
}

describe('the log of requests', () => {
  it('has one line for each, with the ids that lead to it, who asked for what, how it went and how long it took', async () => {
    await using all = await setup()
    const { api, linesOf } = all
    const id = await api.createTenant()
    const headers = (name: string) => ({ 'x-request-id': name, traceparent })
    await api.call('GET', `/v1/tenants/${id}`, { headers: headers('by-admin') })
    await api.call('GET', '/v1/messages', { headers: headers('by-user'), token: await api.tokenOf(id, 'viewer') })
    await api.call('GET', '/v1/messages', { headers: { ...headers('by-key'), 'x-api-key': await api.keyOf(id, 'read') }, token: null })
    await api.call('GET', '/v1/tenants', { headers: headers('by-nobody'), token: null })
    const [answered, ...more] = linesOf('by-admin')
    expect(more).to.deep.equal([])
    expect(answered).to.include({
      ...{ level: 'debug', msg: 'request answered', trace_id: traceId, tenant_id: id },
      ...{ action: 'tenant.read', method: 'GET', principal: 'admin', status: 200 },
    })
    expect(answered?.duration_ms).to.be.a('number').within(0, 5_000)
    expect(linesOf('by-user')).to.have.length(1)
    expect(linesOf('by-user')[0]).to.include({ principal: 'tenant_user', tenant_id: id, action: 'message.list' })
    expect(linesOf('by-key')[0]).to.include({ principal: 'api_key', tenant_id: id })
    expect(linesOf('by-nobody')).to.have.length(1)
    expect(linesOf('by-nobody')[0]).to.include({
      ...{ level: 'debug', msg: 'request refused', principal: 'anonymous', action: 'tenant.list', status: 401, code: 'auth.required' },
      trace_id: traceId,
    })
  })

  it('has no trace for a traceparent that is none', async () => {
    await using all = await setup()
    for (const [index, bad] of [
      traceparent.toUpperCase(),
      `${traceparent}-01`,
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      canary,
    ].entries()) {
      await all.api.call('GET', '/v1/tenants', { headers: { 'x-request-id': `bad-${index}`, traceparent: bad } })
      expect(all.linesOf(`bad-${index}`)[0]).to.not.have.property('trace_id')
    }
  })

  it('warns of a dependency that is away, and calls a fault of ours an error', async () => {
    await using all = await setup()
    const { api, linesOf } = all
    api.engine.fault = new AppError('database.unavailable', 'away', { retryable: true })
    await api.call('GET', '/v1/tenants', { headers: { 'x-request-id': 'away' } })
    api.engine.fault = new Error('a defect')
    await api.call('GET', '/v1/tenants', { headers: { 'x-request-id': 'defect' } })
    expect(linesOf('away')).to.have.length(1)
    expect(linesOf('away')[0]).to.include({ level: 'warn', status: 503, code: 'database.unavailable', action: 'tenant.list' })
    expect(linesOf('defect')).to.have.length(1)
    expect(linesOf('defect')[0]).to.include({ level: 'error', status: 500, code: 'internal', principal: 'admin' })
    expect(linesOf('defect')[0]).to.have.nested.property('error.message', 'a defect')
  })

  it('says of an answer that took long that it did, but not of a stream', () => {
    const logged: string[] = []
    const request = { method: 'GET', headers: {} } as Request
    const response = { locals: { facts: { requestId: 'slow', arrivedMs: performance.now() - 6_000 } } } as unknown as Response
    for (const isStream of [false, true]) {
      logAnswered((level, message) => void logged.push(`${level}: ${message}`), request, response, { status: 200, isStream })
    }
    expect(logged).to.deep.equal(['info: a request took long', 'debug: request answered'])
  })

  it('never has what a request carries, in its path, its query, its headers or its body, whatever becomes of it', async () => {
    await using all = await setup()
    const { api, lines } = all
    const id = await api.createTenant('quiet', { greeting: canary })
    const tenant = `/v1/tenants/${id}`
    const headers = { 'user-agent': canary, cookie: `a=${canary}`, 'x-forwarded-for': canary, tracestate: `a=${canary}`, referer: canary }
    const json = { type: canary, data: { [canary]: canary }, key: canary }
    const ask = (method: string, path: string, options = {}) => api.call(method, path, { headers, ...options })
    const statuses = [
      await ask('POST', `${tenant}/messages`, { json }),
      await ask('POST', `${tenant}/messages/batch`, { json: { messages: [json, json] } }),
      await ask('POST', `${tenant}/messages`, { raw: `{"${canary}` }),
      await ask('POST', `${tenant}/messages`, { json: { ...json, [canary]: 1 } }),
      await ask('POST', `${tenant}/messages`, { json, headers: { ...headers, 'idempotency-key': canary } }),
      await ask('GET', `${tenant}/messages?type=${canary}`),
      await ask('GET', `${tenant}/messages?${canary}=1&token=${canary}`),
      await ask('GET', `/v1/actors/${canary}`),
      await ask('GET', `/v1/${canary}`),
      await ask('GET', `/v1/tenants/${canary}`),
      await ask('GET', `${tenant}/secrets/${canary}`),
      await ask('PUT', `${tenant}/secrets/${canary}`, { json: { value: canary } }),
      await ask('POST', '/v1/auth/login', { json: { username: canary, password: canary }, token: null }),
      await ask('GET', '/v1/tenants', { headers: { ...headers, authorization: `Bearer ${canary}` }, token: null }),
      await ask('GET', '/v1/tenants', { headers: { ...headers, 'x-api-key': canary }, token: null }),
      await ask('GET', `/v1/tenants/${nobody}/messages/${canary}`, { headers: { ...headers, 'x-request-id': `${canary} ${canary}` } }),
    ].map(({ status }) => status)
    expect(statuses).to.deep.equal([202, 202, 400, 400, 202, 200, 400, 404, 404, 400, 405, 204, 401, 401, 401, 400])
    api.engine.fault = new AppError('broker.unknown_outcome', 'no confirm', { retryable: true })
    expect((await ask('POST', `${tenant}/messages`, { json })).status).to.equal(503)
    api.engine.fault = new Error('a defect')
    expect((await ask('POST', `${tenant}/messages`, { json })).status).to.equal(500)
    expect(lines.length).to.be.greaterThan(statuses.length)
    expect(lines.filter((line) => line.includes(canary))).to.deep.equal([])
  })
})
