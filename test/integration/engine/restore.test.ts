import { expect } from 'chai'
import { startNodeOn } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds, createInstallation } from '../../support/installation.ts'

for (const broker of brokerKinds) {
  describe(`a restart on ${broker}`, () => {
    it('restores every tenant as it was: running or paused or drained, with its workers, and what waited', async () => {
      await using installation = await createInstallation(broker)
      let paused = ''
      let expected: unknown[] = []
      {
        await using first = await startNodeOn(installation)
        const { api } = first
        const made = await Promise.all([
          api.createTenant({ name: 'a', workers: 1 }),
          api.createTenant({ name: 'b', workers: 7, config: { kept: true } }),
          api.createTenant({ name: 'c', status: 'paused' }),
          api.createTenant({ name: 'd' }),
          api.createTenant({ name: 'e' }),
        ])
        const [a, , c, d, e] = made
        paused = c.id
        await api.publishMany(c.id, Array(25).fill({ type: 't', data: 1 }))
        await api.expect(200, 'PUT', `/v1/tenants/${a.id}/config/concurrency`, { json: { workers: 4 } })
        await api.expect(202, 'POST', `/v1/tenants/${d.id}/drain`)
        await eventually(async () => (await api.tenant(d.id)).state === 'stopped')
        await api.expect(200, 'DELETE', `/v1/tenants/${e.id}`)
        expected = (await api.expect<{ data: unknown[] }>(200, 'GET', '/v1/tenants')).data
        expect(expected).to.have.length(4)
      }
      await using second = await startNodeOn(installation)
      const { api } = second
      await eventually(async () => {
        expect((await api.expect(200, 'GET', '/v1/tenants')).data).to.deep.equal(expected)
      })
      expect((await api.call('GET', '/readyz')).status).to.equal(200)
      expect((await api.stats(paused)).queue.ready).to.equal(25)
      await api.expect(200, 'POST', `/v1/tenants/${paused}/resume`)
      await api.stored(paused, 25)
    })

    it('goes on with a deletion that was interrupted', async () => {
      await using installation = await createInstallation(broker)
      let id = ''
      {
        await using first = await startNodeOn(installation)
        id = (await first.api.createTenant()).id
      }
      await installation.query(
        `update tenants set status = 'deleting', version = version + 1, deletion = '{"mode":"drain","deadlineAtMs":0}' where id = $1`,
        [id],
      )
      await using second = await startNodeOn(installation)
      await eventually(async () => (await second.api.call('GET', `/v1/tenants/${id}`)).status === 404)
      expect(await installation.query('select 1 from tenants')).to.deep.equal([])
    })

    it('a token of before is still good', async () => {
      await using installation = await createInstallation(broker)
      const first = await startNodeOn(installation)
      const { token } = first.api
      await first.close()
      await using second = await startNodeOn(installation)
      expect((await second.api.call('GET', '/v1/tenants', { headers: { authorization: `Bearer ${token}` } })).status).to.equal(200)
    })
  })
}
