import { expect } from 'chai'
import { batchAnswer, messageList, messageSchema, publishAnswer } from '../../../src/http/schemas/message.ts'
import { startApi } from './start-api.ts'

describe('the message routes', () => {
  it('publish the message of the seeds and say where it will be', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const json = { type: 'email', data: { to: 'user@example.com', subject: 'Welcome!', body: 'Hello World' }, priority: 1 }
    const published = await api.call('POST', `/v1/tenants/${id}/messages`, { json })
    expect(published.status).to.equal(202)
    const answer = publishAnswer.parse(published.body)
    expect(answer).to.include({ tenant_id: id, status: 'queued' })
    expect(published.headers.get('location')).to.equal(`/v1/tenants/${id}/messages/${answer.id}`)
    const read = await api.call('GET', published.headers.get('location') ?? '')
    expect(messageSchema.parse(read.body)).to.deep.include({ ...json, key: null, status: 'processed', attempts: 1, error: null })
  })

  it('keep the id a client chose, in lower case', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const { body } = await api.call('POST', `/v1/tenants/${id}/messages`, {
      json: { id: '0199AAAA-0000-7000-8000-000000000001', type: 't', data: 0 },
    })
    expect(body.id).to.equal('0199aaaa-0000-7000-8000-000000000001')
  })

  it('take a batch of a thousand and no more', async () => {
    await using api = await startApi()
    const path = `/v1/tenants/${await api.createTenant()}/messages/batch`
    const batch = (length: number) => ({ json: { messages: Array.from({ length }, () => ({ type: 't', data: 1 })) } })
    const accepted = await api.call('POST', path, batch(1000))
    expect(accepted.status).to.equal(202)
    expect(batchAnswer.parse(accepted.body).accepted).to.equal(1000)
    for (const length of [0, 1001]) {
      const refused = await api.call('POST', path, batch(length))
      expect([refused.status, refused.body.errors[0].path]).to.deep.equal([400, 'messages'])
    }
  })

  it('treat a schedule in the past as now and refuse one in the future', async () => {
    await using api = await startApi()
    const path = `/v1/tenants/${await api.createTenant()}/messages`
    const past = await api.call('POST', path, { json: { type: 't', data: 1, scheduled_at: '2020-01-01T00:00:00+02:00' } })
    expect([past.status, past.body.status]).to.deep.equal([202, 'queued'])
    const future = { type: 't', data: 1, scheduled_at: '2999-01-01T00:00:00Z' }
    const refused = await api.call('POST', path, { json: future })
    expect([refused.status, refused.body.errors[0].path]).to.deep.equal([422, 'scheduled_at'])
    const batch = await api.call('POST', `${path}/batch`, { json: { messages: [{ type: 't', data: 1 }, future] } })
    expect([batch.status, batch.body.errors[0].path]).to.deep.equal([422, 'messages[1].scheduled_at'])
  })

  it('list by tenant, over all tenants, and with filters', async () => {
    await using api = await startApi()
    const [one, two] = [await api.createTenant('one'), await api.createTenant('two')]
    for (const [tenant, type] of [
      [one, 'a'],
      [two, 'b'],
      [one, 'c'],
    ] as const) {
      await api.call('POST', `/v1/tenants/${tenant}/messages`, { json: { type, data: 1 } })
    }
    const types = async (path: string) => messageList.parse((await api.call('GET', path)).body).data.map(({ type }) => type)
    expect(await types(`/v1/tenants/${one}/messages`)).to.deep.equal(['c', 'a'])
    expect(await types('/v1/messages?limit=10')).to.deep.equal(['c', 'b', 'a'])
    expect(await types(`/v1/messages?tenant_id=${two}`)).to.deep.equal(['b'])
    expect(await types('/v1/messages?type=a&status=processed')).to.deep.equal(['a'])
    expect(await types('/v1/messages?until=2023-11-14T22:13:20.001Z')).to.deep.equal(['a'])
    expect(await types('/v1/messages?since=2023-11-14T22:13:20.002Z')).to.deep.equal(['c'])
  })

  it('page through a list and refuse the cursor of another', async () => {
    await using api = await startApi()
    const [one, two] = [await api.createTenant('one'), await api.createTenant('two')]
    for (let index = 0; index < 3; index++) await api.call('POST', `/v1/tenants/${one}/messages`, { json: { type: `t${index}`, data: 1 } })
    const path = `/v1/tenants/${one}/messages`
    const first = await api.call('GET', `${path}?limit=2`)
    const cursor = first.body.next_cursor
    const second = await api.call('GET', `${path}?limit=2&cursor=${cursor}`)
    expect([second.body.data.map(({ type }: { type: string }) => type), second.body.next_cursor]).to.deep.equal([['t0'], null])
    for (const other of [`/v1/tenants/${two}/messages`, '/v1/messages', '/v1/tenants']) {
      const refused = await api.call('GET', `${other}?cursor=${cursor}`)
      expect([refused.status, refused.body.errors[0].path], other).to.deep.equal([400, 'cursor'])
    }
  })

  it('say 404 for the messages of a tenant that does not exist, and an empty list for one without any', async () => {
    await using api = await startApi()
    const nobody = '01990000-0000-7000-8000-00000000dead'
    for (const path of [`/v1/tenants/${nobody}/messages`, `/v1/messages?tenant_id=${nobody}`, `/v1/tenants/${nobody}/messages/${nobody}`]) {
      expect((await api.call('GET', path)).status, path).to.equal(404)
    }
    expect((await api.call('POST', `/v1/tenants/${nobody}/messages`, { json: { type: 't', data: 1 } })).body.code).to.equal(
      'tenant.missing',
    )
    expect((await api.call('GET', `/v1/tenants/${await api.createTenant()}/messages`)).body).to.deep.equal({ data: [], next_cursor: null })
  })
})
