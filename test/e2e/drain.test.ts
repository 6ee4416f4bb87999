import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { ProblemBody } from '../support/api.ts'
import { eventually } from '../support/eventually.ts'
import { type BrokerKind, brokerKinds, createInstallation } from '../support/installation.ts'
import { describeParallel } from '../support/parallel.ts'
import { environmentOf, type NodeProcess, repositoryDir, startNodeProcess } from '../support/process.ts'
import { within } from '../support/services/wait.ts'

/** As a node has it by default. */
const drainDeadlineMs = 25_000

for (const broker of brokerKinds) {
  describeParallel(`a stopping process on ${broker}`, 3, {
    'finishes what is in hand, stores it, exits with 0 within the deadline; nothing is delivered again': async () => {
      await using stage = await createStage(broker)
      const { start, effects, storedIds } = stage
      let ids: string[] = []
      let tenantId = ''
      {
        await using node = await start()
        tenantId = (await node.api.createTenant({ workers: 5 })).id
        // Enough for seconds, so that there is something left when the signal comes.
        ids = await node.api.publishMany(tenantId, Array(300).fill({ type: 'waiting', data: { ms: 100 } }))
        await eventually(() => effects('begun').length >= 20)
        const signaledAt = Date.now()
        node.kill('SIGTERM')
        expect(await node.exited).to.deep.equal({ code: 0, signal: null })
        expect(Date.now() - signaledAt).to.be.lessThan(drainDeadlineMs)
        expect(node.log().filter(({ level }) => level === 'error')).to.deep.equal([])
      }
      const begun = effects('begun')
      expect(begun.length).to.be.within(20, 299)
      expect(effects('done').sort()).to.deep.equal(begun.toSorted())
      expect((await storedIds()).sort()).to.deep.equal(begun.toSorted())

      await using again = await start()
      await again.api.stored(tenantId, ids.length, 40_000)
      expect((await storedIds()).sort()).to.deep.equal(ids.toSorted())
      expect(effects('begun').sort()).to.deep.equal(ids.toSorted())
      again.kill('SIGTERM')
      expect((await again.exited).code).to.equal(0)
    },

    'lets a handler in hand publish to the end': async () => {
      await using stage = await createStage(broker)
      const { start, effects } = stage
      let tenantId = ''
      let id = ''
      {
        await using node = await start()
        tenantId = (await node.api.createTenant()).id
        id = await node.api.publish(tenantId, { type: 'forwarding', data: 1 })
        await eventually(() => effects('begun').length === 1)
        node.kill('SIGTERM')
        expect((await node.exited).code).to.equal(0)
      }
      await using again = await start()
      const stored = await again.api.stored(tenantId, 2)
      expect(stored.map(({ type, status }) => `${type} ${status}`).sort()).to.deep.equal(['forwarded processed', 'forwarding processed'])
      expect(effects('begun')).to.deep.equal([id])
      again.kill('SIGTERM')
      await again.exited
    },

    'refuses publishes, is not ready and still answers while it drains': async () => {
      await using stage = await createStage(broker)
      const { start, gate, storedIds } = stage
      await using node = await start({ TENANTRY_HANDLERS: join(repositoryDir, 'test/support/handlers/faulty.ts') })
      const { id } = await node.api.createTenant()
      gate.close()
      const messageId = await node.api.publish(id, { type: 'held', data: 1 })
      await eventually(async () => (await node.api.stats(id)).workers.busy === 1)
      node.kill('SIGTERM')
      const refused = await eventually(async () => {
        const answer = await node.api.call<ProblemBody>('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
        if (answer.status === 202) throw new Error('still accepted')
        return answer
      })
      expect([refused.status, refused.body.code]).to.deep.equal([503, 'node.draining'])
      expect(refused.headers.get('retry-after')).to.match(/^\d+$/)
      const ready = await node.api.call('GET', '/readyz')
      expect([ready.status, ready.body.status]).to.deep.equal([503, 'draining'])
      expect((await node.api.call('GET', '/healthz')).status).to.equal(200)
      gate.open()
      expect((await node.exited).code).to.equal(0)
      expect(await storedIds()).to.include(messageId)
    },

    'at the deadline aborts handlers, lists the orphans and exits; after a restart they are delivered again': async () => {
      await using stage = await createStage(broker)
      const { start, effects, storedIds } = stage
      let id = ''
      let orphan = ''
      {
        await using node = await start({ TENANTRY_DRAIN_DEADLINE_MS: '300' })
        id = (await node.api.createTenant({ workers: 1 })).id
        orphan = await node.api.publish(id, { type: 'waiting', data: { ms: 30_000 } })
        await eventually(() => effects('begun').length === 1)
        // These have arrived too, and wait for the only worker.
        await node.api.publishMany(id, Array(10).fill({ type: 'waiting', data: { ms: 30_000 } }))
        await eventually(async () => (await node.api.stats(id)).in_flight === 11)
        node.kill('SIGTERM')
        expect((await within(15_000, 'the node has ended', node.exited)).code).to.equal(0)
        expect(effects('aborted')).to.deep.equal([orphan])
        const line = node.log().find(({ message_ids }) => message_ids !== undefined)
        expect(line).to.deep.include({ level: 'warn', tenant_id: id, message_ids: [orphan] })
      }
      expect(await storedIds()).to.deep.equal([])
      await using again = await start()
      await again.api.expect(200, 'PUT', `/v1/tenants/${id}/config/concurrency`, { json: { workers: 20 } })
      await eventually(() => new Set(effects('begun')).size === 11)
      expect(effects('begun').filter((each) => each === orphan)).to.have.length(2)
      again.kill('SIGKILL')
    },

    'a second signal ends it at once with a code that is not 0': async () => {
      await using stage = await createStage(broker)
      const { start, effects } = stage
      await using node = await start()
      const { id } = await node.api.createTenant()
      await node.api.publish(id, { type: 'waiting', data: { ms: 30_000 } })
      await eventually(() => effects('begun').length === 1)
      node.kill('SIGTERM')
      // A second one counts when it comes a while after the node has heard the first.
      await eventually(() => node.output().includes('draining: '))
      const heardAt = Date.now()
      await eventually(() => Date.now() - heardAt > 2_000)
      node.kill('SIGTERM')
      expect((await within(10_000, 'the node has ended', node.exited)).code).to.equal(1)
    },

    'SIGINT twice at once, as npm sends it, is one request': async () => {
      await using stage = await createStage(broker)
      const { start, effects, storedIds } = stage
      const handlers = ['recording', 'startled'].map((name) => join(repositoryDir, `test/support/handlers/${name}.ts`))
      await using node = await start({ TENANTRY_HANDLERS: handlers.join(',') })
      const { id } = await node.api.createTenant()
      const messageId = await node.api.publish(id, { type: 'waiting', data: { ms: 700 } })
      await eventually(() => effects('begun').length === 1)
      // Two of a kind may reach a busy process as one; another kind never does.
      for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM'] as const) node.kill(signal)
      expect(await node.exited).to.deep.equal({ code: 0, signal: null })
      expect(effects('done')).to.deep.equal([messageId])
      expect(await storedIds()).to.deep.equal([messageId])
    },
  })
}

interface Stage extends AsyncDisposable {
  start(env?: Readonly<Record<string, string>>): Promise<NodeProcess>
  /** The ids of the messages whose handler has begun, ended or been aborted, in order. */
  effects(what: 'begun' | 'done' | 'aborted'): string[]
  storedIds(): Promise<string[]>
  /** As long as it is closed, handlers of the type `held` wait. */
  readonly gate: { close(): void; open(): void }
}

async function createStage(broker: BrokerKind): Promise<Stage> {
  const installation = await createInstallation(broker)
  const file = join(installation.dir, 'effects')
  const gateFile = join(installation.dir, 'gate')
  return {
    start: (env = {}) =>
      startNodeProcess({
        ...environmentOf(installation),
        TENANTRY_HANDLERS: join(repositoryDir, 'test/support/handlers/recording.ts'),
        TENANTRY_TEST_EFFECTS: file,
        TENANTRY_TEST_GATE: gateFile,
        TENANTRY_PREFETCH: '20',
        ...env,
      }),
    effects(what) {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
      return text.split('\n').flatMap((line) => (line.startsWith(`${what} `) ? [line.slice(what.length + 1)] : []))
    },
    storedIds: async () => (await installation.query<{ id: string }>('select id from messages')).map(({ id }) => id),
    gate: { close: () => writeFileSync(gateFile, ''), open: () => rmSync(gateFile) },
    [Symbol.asyncDispose]: () => installation[Symbol.asyncDispose](),
  }
}
