import { expect } from 'chai'
import type { ProblemBody } from '../../support/api.ts'
import { startEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds } from '../../support/installation.ts'
import { countIntervals } from '../../support/intervals.ts'
import { expectStored, startLoad } from '../../support/load.ts'
import { rabbitmqUrl, withChannel } from '../../support/rabbitmq.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'

describe('recovery on rabbitmq', function () {
  this.timeout(60_000)

  it('a tenant whose queue is deleted under it makes a new one and goes on', async () => {
    await using engine = await startEngine({ broker: 'rabbitmq' })
    const { api, installation } = engine
    const [{ id }, other] = await Promise.all([api.createTenant({ workers: 4 }), api.createTenant()])
    await api.publishMany(id, Array(10).fill({ type: 't', data: 1 }))
    await api.stored(id, 10)
    await withChannel(String(installation.rabbitmqUrl), (channel) => channel.deleteQueue(`tenant_${id}_queue`))
    await using load = startLoad(api, [id])
    await load.more(50)
    await load.stop()
    // Until the queue is there again the publisher is told: later, please.
    expect(load.statuses().filter((status) => ![202, 503].includes(status))).to.deep.equal([])
    await expectStored(installation, load.accepted())
    expect((await engine.queue(id))?.consumers).to.equal(1)
    await eventually(async () => expect(await api.tenant(id)).to.include({ state: 'running', current_workers: 4 }))
    expect((await api.tenant(other.id)).state).to.equal('running')
  })

  for (const [what, places] of [
    ['the connection of the consumers', [1]],
    ['the connection of the publisher', [0]],
    ['every connection', undefined],
  ] as const) {
    it(`${what} is cut under load: all tenants run again, and nothing that was accepted is lost`, async () => {
      await using proxy = await startTcpProxy(rabbitmqUrl)
      await using engine = await startEngine({ broker: 'rabbitmq', config: { rabbitmq: { url: proxy.url } } })
      const { api } = engine
      const tenants = await Promise.all(Array.from({ length: 4 }, () => api.createTenant()))
      await using load = startLoad(
        api,
        tenants.map(({ id }) => id),
      )
      for (let round = 0; round < 3; round++) {
        await load.more(20)
        proxy.cut(places)
      }
      await load.more(20)
      await load.stop()
      expect(load.statuses().filter((status) => ![202, 503].includes(status))).to.deep.equal([])
      await eventually(async () => {
        for (const { id } of tenants) expect((await api.tenant(id)).state).to.equal('running')
      })
      await expectStored(engine.installation, load.accepted())
    })
  }

  it('a broker that hangs is noticed: publishes are answered with 503 and Retry-After within 6 s', async () => {
    await using proxy = await startTcpProxy(rabbitmqUrl)
    await using engine = await startEngine({ broker: 'rabbitmq', config: { rabbitmq: { url: proxy.url, heartbeatSeconds: 1 } } })
    const { api } = engine
    const { id } = await api.createTenant()
    proxy.freeze()
    using intervals = countIntervals(100)
    const answer = await api.call<ProblemBody>('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
    expect(intervals.passed()).to.be.lessThan(60)
    expect(answer.status, answer.text).to.equal(503)
    expect(Number(answer.headers.get('retry-after'))).to.be.at.least(1)
    await eventually(async () => {
      const ready = await api.call<{ checks: { broker: { ok: boolean } } }>('GET', '/readyz')
      return ready.status === 503 && !ready.body.checks.broker.ok
    })
    const refused = await api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).to.deep.equal([503, true])
    proxy.thaw()
    const messageId = await eventually(() => api.publish(id))
    await eventually(() => api.expect(200, 'GET', `/v1/tenants/${id}/messages/${messageId}`))
  })
})

/** A claim whose answer was cut off is nobody’s until its heartbeat is missed: 32 s at most on PostgreSQL. */
const claimsReturn = { timeoutMs: 60_000 }

for (const broker of brokerKinds) {
  describe(`recovery on ${broker}`, function () {
    this.timeout(60_000)

    it('a tenant whose partition is missing gets it again', async () => {
      await using engine = await startEngine({ broker })
      const { api, installation } = engine
      const { id } = await api.createTenant()
      const [partition] = await installation.query<{ name: string }>(
        `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'messages'::regclass`,
      )
      await installation.query(`drop table ${partition?.name}`)
      const ids = await api.publishMany(id, Array(20).fill({ type: 't', data: 1 }))
      const stored = await api.stored(id, 20)
      expect(stored.map((message) => message.id).sort()).to.deep.equal(ids.sort())
      await eventually(async () => (await api.tenant(id)).state === 'running')
    })

    it('database connections that are cut are opened again, and nothing is lost', async () => {
      await using engine = await startEngine({ broker })
      const { api, installation } = engine
      const { id } = await api.createTenant()
      const ids: string[] = []
      for (let round = 0; round < 5; round++) {
        ids.push(...(await eventually(() => api.publishMany(id, Array(40).fill({ type: 't', data: round })))))
        await installation.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        )
      }
      await eventually(async () => {
        const stored = new Set((await api.listAll(`/v1/tenants/${id}/messages`)).map((message) => message.id))
        expect(ids.filter((each) => !stored.has(each))).to.deep.equal([])
      }, claimsReturn)
      await eventually(async () => (await api.call('GET', '/readyz')).status === 200)
      await eventually(async () => (await api.tenant(id)).state === 'running')
    }).timeout(90_000)
  })
}
