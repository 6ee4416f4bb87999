import { expect } from 'chai'
import { defineHandler } from '../../../src/index.ts'
import { startEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds } from '../../support/installation.ts'

for (const broker of brokerKinds) {
  describe(`concurrency on ${broker}`, function () {
    this.timeout(60_000)

    it('follows 1 → 20 → 3 → 50 while it works: nothing lost, nothing twice, never more at once than old and new allow', async () => {
      const runs = new Map<string, number>()
      let running = 0
      let allowed = 1
      let peak = 0
      const excesses: string[] = []
      const slow = defineHandler<number>({
        type: 'slow',
        async handle({ id }) {
          running++
          peak = Math.max(peak, running)
          if (running > allowed) excesses.push(`${running} ran where ${allowed} may`)
          runs.set(id, (runs.get(id) ?? 0) + 1)
          await new Promise((resolve) => setTimeout(resolve, 10))
          running--
        },
      })
      await using engine = await startEngine({ broker, handlers: [slow] })
      const { api } = engine
      const { id } = await api.createTenant({ workers: 1 })
      const ids: string[] = []
      let isDone = false
      const publishing = (async () => {
        while (!isDone) {
          ids.push(...(await api.publishMany(id, Array(50).fill({ type: 'slow', data: 1 }))))
          await eventually(async () => ids.length - runs.size < 300)
        }
      })()

      let workers = 1
      for (const next of [20, 3, 50]) {
        const begunAt = runs.size
        await eventually(() => runs.size > begunAt + 10)
        allowed = Math.max(workers, next)
        const answer = await api.expect(200, 'PUT', `/v1/tenants/${id}/config/concurrency`, { json: { workers: next } })
        expect(answer).to.deep.equal({ tenant_id: id, workers: next, previous_workers: workers, current_workers: next })
        // Surplus workers finish what they have in hand; from then on only the new number may run.
        await eventually(() => running <= next)
        allowed = next
        peak = 0
        await eventually(() => peak === next)
        workers = next
      }
      isDone = true
      await publishing
      const stored = await api.stored(id, ids.length)
      expect(excesses).to.deep.equal([])
      expect(stored.map((message) => message.id).sort()).to.deep.equal(ids.sort())
      expect([...runs.values()].filter((count) => count !== 1)).to.deep.equal([])
      expect((await api.stats(id)).workers).to.deep.equal({ desired: 50, current: 50, busy: 0 })
    })

    it('changes that come faster than they can be followed end at the last one', async () => {
      await using engine = await startEngine({ broker })
      const { api } = engine
      const { id } = await api.createTenant()
      await Promise.all(
        [1, 50, 7, 30, 2].map((workers) => api.expect(200, 'PUT', `/v1/tenants/${id}/config/concurrency`, { json: { workers } })),
      )
      const { workers } = await api.tenant(id)
      await eventually(async () => (await api.stats(id)).workers.current === workers)
      await api.expect(200, 'PUT', `/v1/tenants/${id}/config/concurrency`, { json: { workers: 5 } })
      expect(await api.tenant(id)).to.include({ workers: 5, max_workers: 5, current_workers: 5, state: 'running' })
      expect(await engine.installation.query('select workers from tenants where id = $1', [id])).to.deep.equal([{ workers: 5 }])
    })
  })
}
