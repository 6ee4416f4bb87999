import { expect } from 'chai'
import type { FailedMessage } from '../../../src/core/failure.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { bulkAnswer, failedMessageDetail, failedMessageList, failedStatsSchema } from '../../../src/http/schemas/failed-message.ts'
import { retryStatsSchema } from '../../../src/http/schemas/retry.ts'
import { createFailed } from './memory-failures.ts'
import { type Api, startApi } from './start-api.ts'

const nobody = '01990000-0000-7000-8000-00000000dead'

describe('the failed-message routes', () => {
  let api: Api
  let tenantId: TenantId
  let path: string
  beforeEach(async () => {
    api = await startApi()
    tenantId = await api.createTenant()
    path = `/v1/tenants/${tenantId}/failed-messages`
  })
  afterEach(() => api.server.close(0))

  const add = (index: number, fields: Partial<FailedMessage> = {}) => {
    const failed = createFailed(tenantId, index, fields)
    api.engine.failed.push(failed)
    return failed.id
  }
  const list = async (query = '') => {
    const answer = await api.call('GET', `${path}${query}`)
    expect(answer.status, answer.text).to.equal(200)
    return failedMessageList.parse(answer.body)
  }
  const indexes = async (query: string) => (await list(query)).data.map(({ id }) => Number(id.slice(-4)))
  const read = async (id: string) => {
    const answer = await api.call('GET', `${path}/${id}`)
    expect(answer.status, answer.text).to.equal(200)
    return failedMessageDetail.parse(answer.body)
  }

  it('list the newest failure first, without what is large', async () => {
    for (const index of [2, 1, 3]) add(index)
    const { data, next_cursor } = await list()
    expect([data.map(({ id }) => id.at(-1)), next_cursor]).to.deep.equal([['3', '2', '1'], null])
    expect(data[0]).to.not.have.any.keys('data', 'raw_base64', 'history')
    expect(data[0]).to.deep.include({ error: { class: 'TypeError', message: 'boom 7' }, fingerprint: 'f1', attempts: 2, retry_count: 1 })
  })

  it('list with filters', async () => {
    add(1, { status: 'pending', type: 'a' })
    add(2, { status: 'retried', type: 'b', errorClass: 'Rejected' })
    add(3, { status: 'permanently_failed', type: 'b', fingerprint: 'f2', error: 'no route' })
    expect(await indexes('?status=pending')).to.deep.equal([1])
    expect(await indexes('?status=pending,retried')).to.deep.equal([2, 1])
    expect(await indexes('?status=pending&status=permanently_failed,pending')).to.deep.equal([3, 1])
    expect(await indexes('?type=b&error=REJECT')).to.deep.equal([2])
    expect(await indexes('?error=no%20route')).to.deep.equal([3])
    expect(await indexes('?fingerprint=f2')).to.deep.equal([3])
    expect(await indexes('?since=2023-11-14T22:13:22Z&until=2023-11-15T00:13:23%2B02:00')).to.deep.equal([2])
  })

  it('page through a list and refuse the cursor of another', async () => {
    for (const index of [1, 2, 3]) add(index)
    const first = await list('?limit=2')
    expect(await indexes(`?limit=2&cursor=${first.next_cursor}`)).to.deep.equal([1])
    const other = await api.createTenant('other')
    for (const foreign of [`/v1/tenants/${other}/failed-messages`, `/v1/tenants/${tenantId}/messages`]) {
      const { status, body } = await api.call('GET', `${foreign}?cursor=${first.next_cursor}`)
      expect([status, body.errors[0].path]).to.deep.equal([400, 'cursor'])
    }
  })

  it('show one with its data and its attempts', async () => {
    const id = add(1, { body: Buffer.from('{"a":["ü"]}'), key: 'k', reason: null })
    const failed = await read(id)
    expect(failed).to.deep.include({ id, tenant_id: tenantId, message_id: id, data: { a: ['ü'] }, raw_base64: null, closed_at: null })
    expect(failed.history).to.have.length(2)
    expect(failed.history[1]).to.deep.include({ attempt: 2, outcome: 'deferred', error_class: 'CircuitOpen', duration_ms: 0 })
  })

  const bodies: readonly [what: string, body: Buffer][] = [
    ['bytes that are no UTF-8', Buffer.from([0xff, 0x00, 0x01])],
    ['text that is no JSON', Buffer.from('hello')],
    ['nothing', Buffer.alloc(0)],
    ['JSON that is nested 100,000 deep', Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
    ['a number that JSON cannot hold', Buffer.from('[1e999]')],
  ]
  for (const [what, body] of bodies) {
    it(`show ${what} as it came`, async () => {
      const failed = await read(add(1, { body, type: null }))
      expect([failed.data, failed.message_id, failed.type]).to.deep.equal([null, null, null])
      expect(Buffer.from(failed.raw_base64 ?? '', 'base64').equals(body)).to.equal(true)
    })
  }

  it('show the JSON null as data', async () => {
    expect(await read(add(1, { body: Buffer.from('null') }))).to.include({ data: null, raw_base64: null })
  })

  it('retry one, whether it waits or was given up, and show it as it is now', async () => {
    for (const status of ['pending', 'permanently_failed'] as const) {
      const id = add(status.length, { status, closedAt: new Date(), reason: 'rejected' })
      const retried = await api.call('POST', `${path}/${id}/retry`)
      expect(retried.status).to.equal(202)
      expect(failedMessageDetail.parse(retried.body)).to.include({ status: 'pending', reason: null, closed_at: null })
      expect(retried.body).to.deep.equal(await read(id))
    }
  })

  it('discard one', async () => {
    const id = add(1)
    const discarded = await api.call('DELETE', `${path}/${id}`)
    expect([discarded.status, discarded.text]).to.deep.equal([204, ''])
    expect((await read(id)).status).to.equal('discarded')
  })

  const closed: readonly [fields: Partial<FailedMessage>, why: RegExp][] = [
    [{ status: 'retried' }, /in the queue/],
    [{ status: 'resolved' }, /succeeded/],
    [{ status: 'discarded' }, /discarded/],
  ]
  for (const [fields, why] of closed) {
    it(`say why one that is ${fields.status} is neither retried nor discarded`, async () => {
      const id = add(1, fields)
      const [retried, discarded] = [await api.call('POST', `${path}/${id}/retry`), await api.call('DELETE', `${path}/${id}`)]
      expect([retried.status, retried.body.code]).to.deep.equal([409, 'failed_message.not_retryable'])
      expect([discarded.status, discarded.body.code]).to.deep.equal([409, 'failed_message.not_discardable'])
      expect(retried.body.detail).to.match(why)
      expect(discarded.body.detail).to.equal(retried.body.detail)
      expect((await read(id)).status).to.equal(fields.status)
    })
  }

  it('do not retry one without a type, and discard it', async () => {
    const id = add(1, { type: null, status: 'permanently_failed' })
    const retried = await api.call('POST', `${path}/${id}/retry`)
    expect([retried.status, retried.body.detail]).to.deep.equal([409, 'What arrived lacks a type or an id, so it cannot be published.'])
    expect((await api.call('DELETE', `${path}/${id}`)).status).to.equal(204)
  })

  it('say 404 for one that is absent, and for a tenant that is', async () => {
    const other = await api.createTenant('other')
    const id = add(1)
    for (const [method, end] of [
      ['GET', ''],
      ['POST', '/retry'],
      ['DELETE', ''],
    ] as const) {
      for (const absent of [`${path}/${nobody}`, `/v1/tenants/${other}/failed-messages/${id}`]) {
        const { status, body } = await api.call(method, absent + end)
        expect([status, body.code], `${method} ${absent}${end}`).to.deep.equal([404, 'failed_message.missing'])
      }
      const { body } = await api.call(method, `/v1/tenants/${nobody}/failed-messages/${id}${end}`)
      expect(body.code).to.equal('tenant.missing')
    }
    for (const end of ['', '/stats']) {
      expect((await api.call('GET', `/v1/tenants/${nobody}/failed-messages${end}`)).body.code).to.equal('tenant.missing')
    }
    for (const end of ['/retry', '/discard']) {
      const answer = await api.call('POST', `/v1/tenants/${nobody}/failed-messages${end}`, { json: { all: true, dry_run: true } })
      expect(answer.body.code).to.equal('tenant.missing')
    }
  })

  describe('in bulk', () => {
    const apply = async (operation: 'retry' | 'discard', json: object) => {
      const answer = await api.call('POST', `${path}/${operation}`, { json })
      expect(answer.status, answer.text).to.equal(202)
      return bulkAnswer.parse(answer.body)
    }
    const statuses = () => api.engine.failed.map(({ status }) => status)
    beforeEach(() => {
      add(1, { status: 'pending', type: 'a' })
      add(2, { status: 'permanently_failed', type: 'b' })
      add(3, { status: 'retried', type: 'a' })
      add(4, { status: 'resolved', type: 'a' })
      add(5, { status: 'permanently_failed', type: null })
    })

    it('count first and change nothing', async () => {
      const before = statuses()
      expect(await apply('discard', { all: true, dry_run: true })).to.deep.equal({ matched: 3, dry_run: true })
      expect(await apply('retry', { type: 'a', dry_run: true })).to.deep.equal({ matched: 1, dry_run: true })
      expect(statuses()).to.deep.equal(before)
    })

    it('retry all that can be retried', async () => {
      expect(await apply('retry', { all: true })).to.deep.equal({ matched: 2, dry_run: false })
      expect(statuses()).to.deep.equal(['pending', 'pending', 'retried', 'resolved', 'permanently_failed'])
    })

    it('discard all that can be discarded', async () => {
      expect(await apply('discard', { all: true })).to.deep.equal({ matched: 3, dry_run: false })
      expect(statuses()).to.deep.equal(['discarded', 'discarded', 'retried', 'resolved', 'discarded'])
    })

    it('mean what meets every condition', async () => {
      expect((await apply('discard', { all: true, type: 'b', status: 'pending' })).matched).to.equal(0)
      expect((await apply('discard', { error: 'BOOM', status: ['pending'], until: '2024-01-01T00:00:00Z' })).matched).to.equal(1)
      expect((await apply('discard', { fingerprint: 'f1', since: '2023-11-14T22:13:25Z' })).matched).to.equal(1)
      expect(statuses()).to.deep.equal(['discarded', 'permanently_failed', 'retried', 'resolved', 'discarded'])
    })

    it('take ids, in any case', async () => {
      const ids = [1, 3].map((index) => createFailed(tenantId, index).id.toUpperCase())
      expect((await apply('discard', { ids: [...ids, nobody] })).matched).to.equal(1)
      expect(statuses()).to.deep.equal(['discarded', 'permanently_failed', 'retried', 'resolved', 'permanently_failed'])
    })

    it('count by status and by kind', async () => {
      const { body } = await api.call('GET', `${path}/stats`)
      expect(failedStatsSchema.parse(body)).to.deep.equal({
        by_status: { pending: 1, retried: 1, resolved: 1, permanently_failed: 2, discarded: 0 },
        kinds: [
          {
            fingerprint: 'f1',
            type: 'a',
            error: { class: 'TypeError', message: 'boom 7' },
            count: 3,
            last_failed_at: '2023-11-14T22:13:21.000Z',
          },
        ],
        next_retry_at: '2023-11-14T22:14:21.000Z',
      })
    })

    it('show an admin the counts of all tenants and the policies', async () => {
      const other = await api.createTenant('other')
      api.engine.failed.push(createFailed(other, 9))
      const { status, body } = await api.call('GET', '/v1/retry/stats')
      expect(status).to.equal(200)
      const stats = retryStatsSchema.parse(body)
      expect(stats.by_status.pending).to.equal(2)
      const common = { non_retryable: [], immediate_retries: 0 }
      const standard = { strategy: 'exponential', attempts: 10, base_ms: 1000, factor: 2, cap_ms: 3_600_000, ...common, order: 'oldest' }
      const minutes = [1, 2, 4, 8, 16, 32, 64, 128]
      expect([stats.policy, stats.named_policies]).to.deep.equal([
        standard,
        {
          default: standard,
          location: { strategy: 'fixed', delays_ms: minutes.map((each) => each * 60_000), ...common, order: 'latest' },
          none: { ...standard, attempts: 1 },
        },
      ])
    })
  })
})
