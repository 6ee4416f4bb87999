import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import type { TenantRole } from '../../../src/core/identity.ts'
import type { Explanation } from '../../../src/core/ports/inspection.ts'
import { actorExplanation, messageExplanation, tenantExplanation } from '../../../src/http/schemas/inspection.ts'
import { eventually } from '../../support/eventually.ts'
import { createTenantActors, plainExplanation } from '../../support/memory-inspection.ts'
import { nobody } from './fill-path.ts'
import { startApi } from './start-api.ts'

async function setup(config: object = {}) {
  const api = await startApi()
  const id = await api.createTenant('acme', config)
  api.inspection.actors.push(...createTenantActors(id))
  const paused: Explanation = {
    sentence: 'The tenant is paused.',
    blockedBy: 'tenant.paused',
    until: new Date(1_700_000_000_000),
    remedy: { method: 'POST', path: `/tenants/${id}/resume`, description: 'Takes messages again.' },
    detail: 'card 4711',
  }
  api.inspection.explanation = paused
  return { api, id, [Symbol.asyncDispose]: () => api.server.close(0) }
}

describe('an explanation', () => {
  it('of an actor says what blocks it, until when, and the call that would help as the caller would make it', async () => {
    await using all = await setup()
    const { api, id } = all
    for (const prefix of ['/v1', '/api', '']) {
      const { body } = await api.call('GET', `${prefix}/actors/tenant:${id}/explain`)
      expect(actorExplanation.parse(body)).to.deep.equal({
        sentence: 'The tenant is paused.',
        blocked_by: 'tenant.paused',
        until: '2023-11-14T22:13:20.000Z',
        remedy: { method: 'POST', path: `${prefix}/tenants/${id}/resume`, description: 'Takes messages again.' },
        detail: 'card 4711',
        node: 'n1',
      })
    }
    const { body } = await api.call('GET', `/v1/actors/tenant:${id}/explain`)
    expect((await api.call(body.remedy.method, body.remedy.path)).status).to.equal(200)
  })

  it('of a tenant adds what else is worth knowing', async () => {
    await using all = await setup()
    const { api, id } = all
    const remedy = { method: 'PUT', path: `/tenants/${id}/config/concurrency`, body: { workers: 5 }, description: 'Adds workers.' } as const
    api.inspection.also = [{ ...plainExplanation, sentence: 'All workers are busy.', blockedBy: 'workers.busy', remedy }]
    api.inspection.missingNodes = ['n2']
    const { body } = await api.call('GET', `/v1/tenants/${id}/explain`, { token: await api.tokenOf(id, 'viewer') })
    const { also, missing_nodes, blocked_by } = tenantExplanation.parse(body)
    expect([blocked_by, missing_nodes]).to.deep.equal(['tenant.paused', ['n2']])
    expect(also).to.deep.equal([
      {
        ...{ sentence: 'All workers are busy.', blocked_by: 'workers.busy', until: null },
        remedy: { ...remedy, path: `/v1/tenants/${id}/config/concurrency` },
        detail: null,
      },
    ])
    const missing = await api.call('GET', `/v1/tenants/${nobody}/explain`)
    expect([missing.status, missing.body.code]).to.deep.equal([404, 'tenant.missing'])
  })

  it('of a tenant, with each other cause, and of its actors hides the texts of errors as its messages’ data is hidden', async () => {
    await using all = await setup({ payload_visibility: 'owner' })
    const { api, id } = all
    api.inspection.also = [{ ...plainExplanation, detail: 'card 4711' }]
    const hidden = { detail: null, data_hidden: true }
    for (const path of [`/v1/tenants/${id}/explain`, `/v1/actors/tenant:${id}/explain`, `/v1/actors/tenant:${id}.worker:1/explain`]) {
      const seen = await api.call('GET', path, { token: await api.tokenOf(id, 'owner') })
      expect(seen.body).to.include({ detail: 'card 4711' })
      for (const { body, text } of [await api.call('GET', path, { token: await api.tokenOf(id, 'viewer') }), await api.call('GET', path)]) {
        expect(text).to.not.include('4711')
        expect(body).to.include(hidden)
        expect(body.also?.[0] ?? hidden).to.include(hidden)
      }
    }
  })

  it('of a message says where it stands, and shows the error to those who may see its data', async () => {
    await using all = await setup({ payload_visibility: 'owner' })
    const { api, id } = all
    const position = { ahead: 7, atMost: true }
    api.inspection.messageExplanation = {
      standing: 'failed',
      position,
      expectedAt: new Date(1_700_000_001_000),
      detail: 'the iban is yellow',
    }
    const path = `/v1/tenants/${id}/messages/${nobody}/explain`
    const [seen, hidden] = [
      await api.call('GET', path, { token: await api.tokenOf(id, 'owner') }),
      await api.call('GET', path, { token: await api.tokenOf(id, 'viewer') }),
    ]
    expect(messageExplanation.parse(seen.body)).to.deep.include({
      ...{
        standing: 'failed',
        position: { ahead: 7, at_most: true },
        expected_at: '2023-11-14T22:13:21.000Z',
        detail: 'the iban is yellow',
      },
    })
    expect(messageExplanation.parse(hidden.body)).to.include({ detail: null, data_hidden: true })
    expect(hidden.text).to.not.include('yellow')
  })

  it('of a tenant’s messages is given to two of its callers at once, whoever they are, and keeps no other tenant from its own', async () => {
    await using all = await setup()
    const { api, id } = all
    const other = await api.createTenant('other')
    let begun = 0
    const { promise: held, resolve: release } = Promise.withResolvers<undefined>()
    api.inspection.explainMessage = (tenantId) => {
      begun += 1
      return tenantId === id ? held : Promise.resolve(undefined)
    }
    const ask = async (role: TenantRole) =>
      api.call('GET', `/v1/tenants/${id}/messages/${nobody}/explain`, { token: await api.tokenOf(id, role) })
    const waiting = [ask('viewer'), ask('owner')]
    await eventually(() => expect(begun).to.equal(2))
    const refused = await ask('operator')
    expect([refused.status, refused.body.code]).to.deep.equal([429, 'request.rate_limited'])
    expect((await api.call('GET', `/v1/tenants/${other}/messages/${nobody}/explain`)).status).to.equal(404)
    release(undefined)
    expect((await Promise.all(waiting)).map(({ status }) => status)).to.deep.equal([404, 404])
  })

  it('is given without the error’s text while the database does not say who may see it', async () => {
    await using all = await setup()
    const { api, id } = all
    api.engine.tenantConfig = async () => {
      throw new AppError('database.unavailable', 'away', { retryable: true })
    }
    for (const path of ['/explain', `/messages/${nobody}/explain`]) {
      const { status, body } = await api.call('GET', `/v1/tenants/${id}${path}`)
      expect(status).to.equal(200)
      expect(body).to.include({ detail: null, data_hidden: true })
    }
  })

  it('of a message that nobody knows is no error; of a tenant that nobody knows, and of an id that is none, it is', async () => {
    await using all = await setup()
    const { api, id } = all
    const ask = (tenant: string, message: string) => api.call('GET', `/v1/tenants/${tenant}/messages/${message}/explain`)
    expect((await ask(id, nobody)).body).to.include({ standing: 'unknown', position: null, expected_at: null, detail: null })
    expect((await ask(nobody, nobody)).body.code).to.equal('tenant.missing')
    expect((await ask(id, 'x')).body.errors[0].path).to.equal('mid')
  })
})
