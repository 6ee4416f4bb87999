import { expect } from 'chai'
import { flightDump, flightRecord, flightRecordList } from '../../../src/http/schemas/flight-record.ts'
import { createDump, createTenantActors } from '../../support/memory-inspection.ts'
import { nobody } from './fill-path.ts'
import { type CallOptions, startApi } from './start-api.ts'

const yellow = 'cannot handle {"iban":"yellow"}'

async function setup(config: object = {}) {
  const api = await startApi()
  const [own, other] = [await api.createTenant('own', config), await api.createTenant('other')]
  const add = (actorId: string, tenantId: typeof own | null) =>
    api.flightRecords.add({ ...createDump(actorId, tenantId, yellow), reason: yellow })
  await add(`tenant:${own}`, own)
  await add(`tenant:${own}.worker:1`, own)
  await add(`tenant:${other}`, other)
  await add('ledger', null)
  const list = async (query = '', options: CallOptions = {}) => {
    const { body, text } = await api.call('GET', `/v1/flight-records${query}`, options)
    return { ...flightRecordList.parse(body), text }
  }
  return { api, own, other, list, [Symbol.asyncDispose]: () => api.server.close(0) }
}

describe('the flight records', () => {
  it('are listed to an admin for all, for one tenant and for one actor, newest first, page by page', async () => {
    await using all = await setup()
    const { own, list, api } = all
    const actors = async (query: string) => (await list(query)).data.map(({ actor_id }) => actor_id)
    expect(await actors('')).to.deep.equal(['ledger', `tenant:${all.other}`, `tenant:${own}.worker:1`, `tenant:${own}`])
    expect(await actors(`?tenant_id=${own}`)).to.deep.equal([`tenant:${own}.worker:1`, `tenant:${own}`])
    expect(await actors('?actor_id=ledger')).to.deep.equal(['ledger'])
    const first = await list('?limit=3')
    expect(await actors(`?limit=3&cursor=${first.next_cursor}`)).to.deep.equal([`tenant:${own}`])
    const borrowed = await api.call('GET', `/v1/flight-records?tenant_id=${own}&cursor=${first.next_cursor}`)
    expect(borrowed.body.errors[0].path).to.equal('cursor')
    expect((await api.call('GET', `/v1/flight-records?tenant_id=${nobody}`)).body.code).to.equal('tenant.missing')
  })

  it('are listed to a tenant’s operator for their own tenant, and to nobody below', async () => {
    await using all = await setup()
    const { api, own, other, list } = all
    const token = await api.tokenOf(own, 'operator')
    for (const query of ['', `?tenant_id=${own}`]) {
      expect(new Set((await list(query, { token })).data.map(({ tenant_id }) => tenant_id))).to.deep.equal(new Set([own]))
    }
    const foreign = await api.call('GET', `/v1/flight-records?tenant_id=${other}`, { token })
    expect([foreign.status, foreign.body.code]).to.deep.equal([404, 'tenant.missing'])
    const member = await api.call('GET', '/v1/flight-records', { token: await api.tokenOf(own, 'member') })
    expect([member.status, member.body.code]).to.deep.equal([403, 'auth.forbidden'])
  })

  it('are read one by one; another tenant’s, the platform’s and none answer alike', async () => {
    await using all = await setup()
    const { api, own, list } = all
    const token = await api.tokenOf(own, 'operator')
    const headers = { 'x-request-id': 'same' }
    const [ledger, foreign, worker] = (await list()).data
    const record = flightRecord.parse((await api.call('GET', `/v1/flight-records/${worker?.id}`, { token })).body)
    expect(record).to.include({ actor_id: `tenant:${own}.worker:1`, reason: yellow })
    expect(record.dump.entries[0]?.event).to.deep.equal({ type: 'loop.crashed', reason: yellow })
    const answers = [ledger?.id, foreign?.id, nobody].map((id) => api.call('GET', `/v1/flight-records/${id}`, { token, headers }))
    const texts = await Promise.all(answers.map(async (answer) => (await answer).text))
    expect(JSON.parse(texts[0] ?? '').code).to.equal('flight_record.missing')
    expect(new Set(texts).size).to.equal(1)
    expect((await api.call('GET', '/v1/flight-records/x')).body.errors[0].path).to.equal('rid')
  })

  it('are downloaded as a file that holds the dump as it is', async () => {
    await using all = await setup()
    const { api, own, list } = all
    const [worker] = (await list(`?tenant_id=${own}`)).data
    const { headers, body } = await api.call('GET', `/v1/flight-records/${worker?.id}?download=1`)
    expect(headers.get('content-disposition')).to.match(/^attachment; filename="flight-tenant-[0-9a-f-]+\.worker-1-[\w.-]+\.json"$/)
    expect(flightDump.parse(body)).to.deep.equal(createDump(`tenant:${own}.worker:1`, own, yellow))
  })

  it('show errors to those whom the tenant shows message data to, and the configuration to those who may read it', async () => {
    await using all = await setup({ payload_visibility: 'owner' })
    const { api, own, list } = all
    const [{ id } = { id: '' }] = (await list(`?tenant_id=${own}`)).data
    const callers = {
      owner: { token: await api.tokenOf(own, 'owner') },
      operator: { token: await api.tokenOf(own, 'operator') },
      key: { token: null, headers: { 'x-api-key': await api.keyOf(own, 'operate') } },
      admin: {},
    }
    for (const [caller, options] of Object.entries(callers)) {
      const { data, text } = await list(`?tenant_id=${own}`, options)
      expect(text.includes('yellow'), `${caller} lists`).to.equal(caller === 'owner')
      expect(data[0]?.data_hidden).to.equal(caller === 'owner' ? undefined : true)
      for (const query of ['', '?download=1']) {
        const { body, text: shown } = await api.call('GET', `/v1/flight-records/${id}${query}`, options)
        expect(shown.includes('yellow'), `${caller} ${query} error`).to.equal(caller === 'owner')
        expect(shown.includes('hello'), `${caller} ${query} config`).to.equal(caller !== 'key')
        // It still replays: what was hidden is hidden alike before and after.
        const dump = flightDump.parse(query ? body : body.dump)
        if (caller !== 'owner') expect(JSON.stringify(dump.last)).to.include('"reason":"[hidden]"')
      }
    }
  })
})

describe('the recording of an actor', () => {
  it('is a file for its operators, without what is not for them', async () => {
    await using all = await setup({ payload_visibility: 'none' })
    const { api, own } = all
    api.inspection.actors.push(...createTenantActors(own))
    api.inspection.dumps.push(createDump(`tenant:${own}`, own, yellow))
    const path = `/v1/actors/tenant:${own}/recording`
    const { headers, body, text } = await api.call('GET', path, { token: await api.tokenOf(own, 'operator') })
    expect(headers.get('content-disposition')).to.match(/^attachment; filename="flight-tenant-[0-9a-f-]+-2023-11-14T22-13-20.000Z\.json"$/)
    expect(flightDump.parse(body).actorId).to.equal(`tenant:${own}`)
    expect(text).to.include('hello').and.not.include('yellow')
    expect((await api.call('GET', path, { token: await api.tokenOf(own, 'viewer') })).status).to.equal(403)
    expect((await api.call('GET', '/v1/actors/ledger/recording')).body.code).to.equal('actor.missing')
  })
})
