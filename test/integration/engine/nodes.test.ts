import { expect } from 'chai'
import { defineHandler } from '../../../src/index.ts'
import { startNodeOn, type TestNode } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds, createInstallation, type Installation } from '../../support/installation.ts'

/** Nothing but a hint makes such a node look at desired state while a test runs. */
const hintsAlone = { reconcile: { intervalMs: 3_600_000 } }
const listeners = `from pg_stat_activity where datname = current_database() and application_name = 'tenantry-listener' and query <> ''`

/** Resolves when both nodes hear hints: one that is sent before is lost. */
const listening = (installation: Installation) =>
  eventually(async () => expect(await installation.query(`select ${listeners}`)).to.have.length(2))

for (const broker of brokerKinds) {
  describe(`two nodes on ${broker}`, function () {
    this.timeout(60_000)

    it('a change made through one is followed by the other at its hint', async () => {
      await using installation = await createInstallation(broker)
      await using a = await startNodeOn(installation, { config: hintsAlone })
      await using b = await startNodeOn(installation, { config: hintsAlone })
      await listening(installation)
      const { id } = await a.api.createTenant({ workers: 2 })
      const onB = (expected: object) => eventually(async () => expect(await b.api.tenant(id)).to.include(expected))

      await eventually(async () => expect(await countTenants(b, 'running')).to.equal(1))
      await onB({ state: 'running', current_workers: 2 })
      await a.api.expect(200, 'PUT', `/v1/tenants/${id}/config/concurrency`, { json: { workers: 9 } })
      await onB({ state: 'running', workers: 9, current_workers: 9 })
      await a.api.expect(200, 'POST', `/v1/tenants/${id}/pause`)
      await onB({ status: 'paused', state: 'paused' })
      await b.api.expect(200, 'POST', `/v1/tenants/${id}/resume`)
      await eventually(async () => (await a.api.tenant(id)).state === 'running')
      await a.api.expect(200, 'DELETE', `/v1/tenants/${id}`)
      expect((await b.api.call('GET', `/v1/tenants/${id}`)).status).to.equal(404)
      await eventually(
        async () => (await b.api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })).status === 404,
      )
      await eventually(async () => expect(await countTenants(b)).to.equal(0))
    })

    it('hints come back after the connections that carry them were cut', async () => {
      await using installation = await createInstallation(broker)
      await using a = await startNodeOn(installation, { config: hintsAlone })
      await using b = await startNodeOn(installation, { config: hintsAlone })
      await listening(installation)
      expect(await installation.query(`select pg_terminate_backend(pid) ${listeners}`)).to.have.length(2)
      await eventually(
        async () => {
          const before = await countTenants(b)
          await a.api.createTenant()
          await eventually(async () => expect(await countTenants(b)).to.be.greaterThan(before), { timeoutMs: 1_000 })
        },
        { timeoutMs: 30_000 },
      )
    })

    it('compete for messages: each is handled by one node once, and both take part', async () => {
      const runs = { a: [] as string[], b: [] as string[] }
      const counting = (name: 'a' | 'b') =>
        defineHandler({
          type: 'counted',
          handle: async ({ id }) => {
            runs[name].push(id)
            await new Promise((resolve) => setTimeout(resolve, 2))
          },
        })
      await using installation = await createInstallation(broker)
      await using a = await startNodeOn(installation, { handlers: [counting('a')], config: { prefetch: 20 } })
      await using b = await startNodeOn(installation, { handlers: [counting('b')], config: { prefetch: 20 } })
      const { id } = await a.api.createTenant({ workers: 5 })
      await eventually(async () => (await countTenants(b, 'running')) === 1)
      const batch = Array(400).fill({ type: 'counted', data: 1 })
      const ids = (await Promise.all([a, b].map((node) => node.api.publishMany(id, batch)))).flat()
      const stored = await a.api.stored(id, ids.length)
      expect(stored.map((message) => message.id).sort()).to.deep.equal(ids.sort())
      expect([...runs.a, ...runs.b].sort()).to.deep.equal(ids)
      expect(Math.min(runs.a.length, runs.b.length)).to.be.greaterThan(0)
    })

    it('a deletion through one drains what the other has in hand', async () => {
      const slow = defineHandler({
        type: 'slow',
        handle: () => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 20)),
      })
      await using installation = await createInstallation(broker)
      await using a = await startNodeOn(installation, { handlers: [slow], config: { prefetch: 10 } })
      await using b = await startNodeOn(installation, { handlers: [slow], config: { prefetch: 10 } })
      const { id } = await a.api.createTenant({ workers: 2 })
      await eventually(async () => (await countTenants(b, 'running')) === 1)
      await b.api.publishMany(id, Array(100).fill({ type: 'slow', data: 1 }))
      const answer = await a.api.expect(200, 'DELETE', `/v1/tenants/${id}`)
      expect(answer).to.deep.include({ id, status: 'deleted', discarded: 0 })
      expect(await installation.query('select 1 from tenants')).to.deep.equal([])
      await eventually(async () => expect(await countTenants(b)).to.equal(0))
    })
  })
}

describe('two nodes whose hints are lost', function () {
  this.timeout(60_000)

  it('without hints a change is followed within ten seconds', async () => {
    await using installation = await createInstallation('rabbitmq')
    await using a = await startNodeOn(installation)
    await using b = await startNodeOn(installation)
    const tenants = await Promise.all([a.api.createTenant(), a.api.createTenant()])
    await eventually(async () => (await countTenants(b, 'running')) === 2)
    // No hint is sent when the row changes by itself.
    await installation.query(`update tenants set status = 'paused', version = version + 1 where id = $1`, [tenants[0].id])
    await eventually(async () => (await countTenants(b, 'paused')) === 1, { timeoutMs: 10_000 })
    await eventually(async () => (await countTenants(a, 'paused')) === 1, { timeoutMs: 10_000 })
  })
})

/** How many tenants this node's own actors have in a state, or in any. */
async function countTenants({ api }: TestNode, state = '\\w+'): Promise<number> {
  const { text } = await api.call('GET', '/metrics')
  const found = text.matchAll(new RegExp(`^tenantry_tenants\\{state="${state}"\\} (\\d+)$`, 'gm'))
  return [...found].reduce((sum, [, count]) => sum + Number(count), 0)
}
