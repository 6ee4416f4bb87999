import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { TenantBody } from '../support/api.ts'
import { eventually } from '../support/eventually.ts'
import { brokerKinds, createInstallation } from '../support/installation.ts'
import { expectStored } from '../support/load.ts'
import { describeParallel } from '../support/parallel.ts'
import { environmentOf, repositoryDir, startNodeProcess } from '../support/process.ts'

const tests = brokerKinds.flatMap((broker) =>
  Object.entries({
    'an api node and a worker node do together what one node does': async () => {
      await using installation = await createInstallation(broker)
      const env = environmentOf(installation)
      await using front = await startNodeProcess({ ...env, ROLE: 'api' })
      await using worker = await startNodeProcess({ ...env, ROLE: 'worker' }, front.api.token)
      const { api } = front
      const answers = await Promise.all(['/healthz', '/readyz', '/metrics'].map((path) => worker.api.call('GET', path)))
      expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200])

      const { id, state, current_workers } = await api.createTenant({ workers: 4 })
      expect({ state, current_workers }).to.deep.equal({ state: 'running', current_workers: 4 })
      const ids = await api.publishMany(id, Array(200).fill({ type: 't', data: 1 }))
      expect((await api.stored(id, 200)).map((message) => message.id).sort()).to.deep.equal(ids.sort())
      expect(await api.expect(200, 'PUT', `/v1/tenants/${id}/config/concurrency`, { json: { workers: 9 } })).to.deep.equal({
        tenant_id: id,
        workers: 9,
        previous_workers: 4,
        current_workers: 9,
      })
      // A message is in flight until it is acknowledged, a moment after it is stored.
      await eventually(async () =>
        expect(await api.stats(id)).to.deep.include({ workers: { desired: 9, current: 9, busy: 0 }, state: 'running', in_flight: 0 }),
      )
      expect(await api.expect<TenantBody>(200, 'POST', `/v1/tenants/${id}/pause`)).to.include({ state: 'paused' })
      await api.publish(id)
      await eventually(async () => (await api.stats(id)).queue.ready === 1)
      expect(await api.expect<TenantBody>(200, 'POST', `/v1/tenants/${id}/resume`)).to.include({ state: 'running' })
      await api.stored(id, 201)
      await api.expect(202, 'POST', `/v1/tenants/${id}/drain`)
      await eventually(async () => (await api.tenant(id)).state === 'stopped')
      expect(await api.expect(200, 'DELETE', `/v1/tenants/${id}`)).to.deep.include({ id, status: 'deleted' })
      expect((await api.call('GET', `/v1/tenants/${id}`)).status).to.equal(404)
      for (const node of [front, worker]) node.kill('SIGTERM')
      expect((await Promise.all([front.exited, worker.exited])).map(({ code }) => code)).to.deep.equal([0, 0])
    },

    'messages wait while no worker node runs': async () => {
      await using installation = await createInstallation(broker)
      const env = environmentOf(installation)
      await using front = await startNodeProcess({ ...env, ROLE: 'api' })
      const { api } = front
      const { id, state } = await api.createTenant()
      expect(state).to.equal('unassigned')
      await api.publishMany(id, Array(10).fill({ type: 't', data: 1 }))
      expect((await api.stats(id)).queue.ready).to.equal(10)
      const other = await api.createTenant()
      expect(await api.expect(200, 'DELETE', `/v1/tenants/${other.id}?mode=discard`)).to.include({ status: 'deleted' })
      await using worker = await startNodeProcess({ ...env, ROLE: 'worker' }, api.token)
      await api.stored(id, 10)
      expect((await worker.api.call('GET', '/readyz')).status).to.equal(200)
    },

    'what a killed node had in hand is finished by the other, each effect with its message': async () => {
      await using installation = await createInstallation(broker)
      const effects = join(installation.dir, 'effects')
      const env = {
        ...environmentOf(installation),
        TENANTRY_HANDLERS: join(repositoryDir, 'test/support/handlers/recording.ts'),
        TENANTRY_TEST_EFFECTS: effects,
        TENANTRY_PREFETCH: '30',
      }
      await using a = await startNodeProcess(env)
      await using b = await startNodeProcess(env, a.api.token)
      const { id } = await a.api.createTenant({ workers: 5 })
      await eventually(async () => (await b.api.call('GET', '/metrics')).text.includes('tenantry_tenants{state="running"} 1'))
      const ids = await a.api.publishMany(id, Array(400).fill({ type: 'waiting', data: { ms: 5 } }))
      await eventually(() => readFileSync(effects, 'utf8').includes('begun'))
      a.kill('SIGKILL')
      await a.exited
      // Claims of a dead node come back within about half a minute.
      await expectStored(installation, ids, 120_000)
      const ended = new Set([...readFileSync(effects, 'utf8').matchAll(/^done (\S+)$/gm)].map(([, each]) => each))
      expect(ids.filter((each) => !ended.has(each))).to.deep.equal([])
    },
  }).map(([fact, test]) => [`on ${broker}, ${fact}`, test] as const),
)

describeParallel('several processes', 3, Object.fromEntries(tests.toReversed()))
