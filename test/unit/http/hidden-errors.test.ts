import { expect } from 'chai'
import type { FailedMessage } from '../../../src/core/failure.ts'
import { failedMessageList, failedStatsSchema } from '../../../src/http/schemas/failed-message.ts'
import { messageDetail } from '../../../src/http/schemas/message.ts'
import { retryStatsSchema } from '../../../src/http/schemas/retry.ts'
import { tenantStatsSchema } from '../../../src/http/schemas/tenant.ts'
import { nobody } from './fill-path.ts'
import { createFailed } from './memory-failures.ts'
import { startApi } from './start-api.ts'

const error = 'cannot handle {"iban":"yellow"}'
const history: FailedMessage['history'] = [{ attempt: 1, startedAtMs: 0, durationMs: 1, outcome: 'failed', errorClass: 'TypeError', error }]

describe('errors that may quote hidden data', () => {
  const setup = async (payload_visibility: 'owner' | 'tenant' | 'none') => {
    const api = await startApi()
    const id = await api.createTenant('acme', { payload_visibility })
    const path = `/v1/tenants/${id}`
    const { body: published } = await api.call('POST', `${path}/messages`, { json: { type: 't', data: 1 } })
    const [message] = api.engine.messages
    if (message) api.engine.messages[0] = { ...message, status: 'failed', error }
    api.engine.failed.push(createFailed(id, 1, { id: published.id, error, history, reason: 'all 10 attempts have failed' }))
    const { tenantStats } = api.engine
    api.engine.tenantStats = async (of) => {
      const stats = await tenantStats(of)
      return { ...stats, circuits: stats.circuits.map((circuit) => ({ ...circuit, reason: error })) }
    }
    const callers = {
      admin: { token: api.adminToken },
      owner: { token: await api.tokenOf(id, 'owner') },
      operator: { token: await api.tokenOf(id, 'operator') },
      key: { token: null, headers: { 'x-api-key': await api.keyOf(id, 'read', 'operate') } },
    }
    return { api, id, path, messageId: published.id as string, callers, [Symbol.asyncDispose]: () => api.server.close(0) }
  }

  for (const [visibility, seeing] of [
    ['tenant', ['owner', 'operator', 'key']],
    ['owner', ['owner']],
    ['none', []],
  ] as const) {
    it(`are shown to ${seeing.join(', ') || 'nobody'} with ${visibility}; class and reason to everybody`, async () => {
      await using tenant = await setup(visibility)
      const { api, path, messageId } = tenant
      for (const [caller, options] of Object.entries(tenant.callers)) {
        const ask = async (of: string) => {
          const answer = await api.call('GET', of, options)
          expect(answer.status, answer.text).to.equal(200)
          expect(answer.text.includes('yellow'), `${caller} ${of}`).to.equal((seeing as readonly string[]).includes(caller))
          return answer.body
        }
        messageDetail.parse(await ask(`${path}/messages/${messageId}`))
        await ask(`${path}/messages`)
        await ask('/v1/messages')
        const failed = await ask(`${path}/failed-messages/${messageId}`)
        expect([failed.error.class, failed.reason]).to.deep.equal(['TypeError', 'all 10 attempts have failed'])
        expect(failed.history[0].error_class).to.equal('TypeError')
        const list = failedMessageList.parse(await ask(`${path}/failed-messages`))
        expect(list.data[0]?.data_hidden).to.equal((seeing as readonly string[]).includes(caller) ? undefined : true)
        failedStatsSchema.parse(await ask(`${path}/failed-messages/stats`))
        tenantStatsSchema.parse(await ask(`${path}/stats`))
      }
    })
  }

  it('are hidden among the kinds of failure of all tenants by the tenant that each is from', async () => {
    await using tenant = await setup('tenant')
    const open = await tenant.api.createTenant('open')
    tenant.api.engine.failed.push(createFailed(open, 2, { fingerprint: 'f2', error: 'green' }))
    const { kinds } = retryStatsSchema.parse((await tenant.api.call('GET', '/v1/retry/stats')).body)
    expect(kinds.map((kind) => kind.error.message)).to.deep.equal([null, 'green'])
  })

  it('cannot be searched, nor mean what is retried or discarded', async () => {
    await using tenant = await setup('owner')
    const { api, path, callers } = tenant
    const ways = [
      (options: object) => api.call('GET', `${path}/failed-messages?error=yellow`, options),
      (options: object) => api.call('POST', `${path}/failed-messages/retry`, { ...options, json: { error: 'yellow', dry_run: true } }),
      (options: object) => api.call('POST', `${path}/failed-messages/discard`, { ...options, json: { error: 'yellow', dry_run: true } }),
    ]
    for (const ask of ways) {
      expect((await ask(callers.owner)).status).to.be.oneOf([200, 202])
      for (const caller of [callers.admin, callers.operator]) {
        const { status, body } = await ask(caller)
        expect([status, body.code]).to.deep.equal([403, 'auth.forbidden'])
        expect(body.detail).to.include('payload_visibility')
      }
    }
    const missing = await api.call('GET', `/v1/tenants/${nobody}/failed-messages?error=yellow`)
    expect([missing.status, missing.body.code]).to.deep.equal([404, 'tenant.missing'])
  })
})
