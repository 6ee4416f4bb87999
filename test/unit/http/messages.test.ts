import { expect } from 'chai'
import { batchAnswer, messageDetail, messageList, publishAnswer } from '../../../src/http/schemas/message.ts'
import { createFailed } from './memory-failures.ts'
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
    expect(messageDetail.parse(read.body)).to.deep.include({ ...json, status: 'processed', attempts: 1, scheduled_at: null, history: [] })
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

  it('show the attempts of a message that has failed', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const { body } = await api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
    const failed = createFailed(id, 1, { id: body.id })
    api.engine.failed.push(failed)
    const read = async () => messageDetail.parse((await api.call('GET', `/v1/tenants/${id}/messages/${body.id}`)).body)
    expect((await read()).history).to.deep.equal([])
    for (const changed of [{ attempts: 3 }, { status: 'retrying' }, { status: 'failed' }] as const) {
      const [message] = api.engine.messages
      if (message) api.engine.messages[0] = { ...message, status: 'processed', attempts: 1, ...changed }
      const { history } = await read()
      expect(history.map(({ attempt }) => attempt)).to.deep.equal([1, 2])
      expect(history[0]).to.deep.equal({
        attempt: 1,
        started_at: '2023-11-14T22:13:20.000Z',
        duration_ms: 12,
        outcome: 'failed',
        error_class: 'TypeError',
        error: 'boom 6',
      })
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
