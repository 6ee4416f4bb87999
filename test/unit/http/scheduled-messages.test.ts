import { expect } from 'chai'
import { messageDetail, messageList, publishAnswer } from '../../../src/http/schemas/message.ts'
import { type Api, startApi } from './start-api.ts'

const dayMs = 86_400_000
const inDays = (days: number) => new Date(Date.now() + days * dayMs).toISOString()

describe('scheduled messages', () => {
  let api: Api
  let tenant: string
  let tenantId: string
  beforeEach(async () => {
    api = await startApi()
    tenantId = await api.createTenant()
    tenant = `/v1/tenants/${tenantId}`
  })
  afterEach(() => api.server.close(0))

  const publish = async (fields: object) => {
    const answer = await api.call('POST', `${tenant}/messages`, { json: { type: 't', data: 1, ...fields } })
    expect(answer.status, answer.text).to.equal(202)
    return publishAnswer.parse(answer.body)
  }
  const list = async (query = '') => {
    const answer = await api.call('GET', `${tenant}/messages?status=scheduled${query}`)
    expect(answer.status, answer.text).to.equal(200)
    return messageList.parse(answer.body)
  }

  it('wait for their time, and are found by their id', async () => {
    const scheduled_at = inDays(360)
    const { id, status } = await publish({ scheduled_at, key: 'k', priority: 2 })
    expect(status).to.equal('scheduled')
    const message = messageDetail.parse((await api.call('GET', `${tenant}/messages/${id}`)).body)
    const expected = { status: 'scheduled', scheduled_at, key: 'k', priority: 2, attempts: 0, processed_at: null, history: [] }
    expect(message).to.deep.include(expected)
    expect((await api.call('GET', `${tenant}/messages`)).body.data).to.deep.equal([])
  })

  it('go at once when their time has passed', async () => {
    for (const scheduled_at of ['2020-01-01T00:00:00+02:00', '0001-01-01T00:00:00Z', new Date().toISOString()]) {
      expect((await publish({ scheduled_at })).status).to.equal('queued')
    }
    expect((await list()).data).to.deep.equal([])
  })

  it('may be part of a batch, and of the creation of a tenant', async () => {
    const messages = [
      { type: 'now', data: 1 },
      { type: 'later', data: 1, scheduled_at: inDays(1) },
    ]
    expect((await api.call('POST', `${tenant}/messages/batch`, { json: { messages } })).body.accepted).to.equal(2)
    expect((await list()).data.map(({ type }) => type)).to.deep.equal(['later'])
    const created = await api.call('POST', '/v1/tenants', { json: { name: 'with messages', messages } })
    const path = `/v1/messages?status=scheduled&tenant_id=${created.body.id}`
    expect((await api.call('GET', path)).body.data.map(({ type }: { type: string }) => type)).to.deep.equal(['later'])
  })

  it('are listed soonest first, page by page, with filters', async () => {
    for (const days of [3, 1, 2]) await publish({ type: `in-${days}`, scheduled_at: inDays(days) })
    const types: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: Awaited<ReturnType<typeof list>> = await list(`&limit=2${cursor && `&cursor=${cursor}`}`)
      types.push(...page.data.map(({ type }) => type))
      cursor = page.next_cursor
    }
    expect(types).to.deep.equal(['in-1', 'in-2', 'in-3'])
    expect((await list(`&since=${inDays(1.5)}&until=${inDays(2.5)}`)).data.map(({ type }) => type)).to.deep.equal(['in-2'])
    expect((await list('&type=in-3')).data).to.have.length(1)
  })

  it('have cursors that no other list takes', async () => {
    for (const days of [1, 2]) await publish({ scheduled_at: inDays(days) })
    const cursor = (await list('&limit=1')).next_cursor
    for (const path of [`${tenant}/messages?cursor=${cursor}`, `${tenant}/failed-messages?cursor=${cursor}`]) {
      const { status, body } = await api.call('GET', path)
      expect([status, body.errors[0].path]).to.deep.equal([400, 'cursor'])
    }
  })

  it('are listed to a tenant user as their own', async () => {
    await publish({ scheduled_at: inDays(1) })
    const token = await api.tokenOf(tenantId as never, 'viewer')
    expect((await api.call('GET', '/v1/messages?status=scheduled', { token })).body.data).to.have.length(1)
  })

  it('are cancelled once', async () => {
    const { id } = await publish({ scheduled_at: inDays(1) })
    const cancelled = await api.call('DELETE', `${tenant}/messages/${id}`)
    expect([cancelled.status, cancelled.text]).to.deep.equal([204, ''])
    expect((await api.call('DELETE', `${tenant}/messages/${id}`)).body.code).to.equal('message.missing')
    expect((await api.call('GET', `${tenant}/messages/${id}`)).status).to.equal(404)
  })

  it('are not cancelled when they are in the queue, or of a tenant that does not exist', async () => {
    const { id } = await publish({})
    const refused = await api.call('DELETE', `${tenant}/messages/${id}`)
    expect([refused.status, refused.body.code]).to.deep.equal([409, 'message.not_cancellable'])
    expect((await api.call('DELETE', `/v1/tenants/${id}/messages/${id}`)).body.code).to.equal('tenant.missing')
    expect((await api.call('GET', `/v1/tenants/${id}/messages?status=scheduled`)).body.code).to.equal('tenant.missing')
  })
})
