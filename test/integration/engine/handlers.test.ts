import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import { ack, defineHandler, type HandlerDefinition, reject, retry } from '../../../src/index.ts'
import type { MessageBody } from '../../support/api.ts'
import { startEngine, type TestEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds, createInstallation } from '../../support/installation.ts'
import { environmentOf, repositoryDir, startNodeProcess, startProcess } from '../../support/process.ts'

const signals: AbortSignal[] = []
const contexts: unknown[] = []

const handlers: readonly HandlerDefinition[] = [
  defineHandler({
    type: 'strict',
    schema: z.object({ to: z.string().transform((text) => text.toUpperCase()), n: z.number().optional() }),
    handle: ({ data, tenantId, priority, key, createdAt }, { tenant, attempt }) => {
      contexts.push({ data, tenantId, priority, key, createdAt: createdAt instanceof Date, tenant, attempt })
      return ack
    },
  }),
  defineHandler({
    type: 'throws',
    handle: () => {
      throw new Error('the disk is full')
    },
  }),
  defineHandler({
    type: 'throws nonsense',
    handle: async () => {
      throw undefined
    },
  }),
  defineHandler({ type: 'rejects', handle: () => reject('not wanted') }),
  defineHandler({ type: 'retries', handle: () => retry('come again') }),
  defineHandler({ type: 'nonsense', handle: () => 'done' as unknown as undefined }),
  defineHandler({
    type: 'late',
    timeoutMs: 50,
    handle: (_, { signal }) => {
      signals.push(signal)
      return new Promise<undefined>(() => {})
    },
  }),
  defineHandler({
    type: 'forwards',
    handle: async ({ id, data }, { publish }) => {
      await publish({ type: 'forwarded', data: { from: id, data }, priority: 2, key: 'k', id: id.replace(/^.{8}/, 'ffffffff') })
    },
  }),
  defineHandler({
    type: 'forwards badly',
    handle: async (_, { publish }) => {
      await publish({ type: 'forwarded', data: 1, id: 'not a uuid' })
    },
  }),
]

for (const broker of brokerKinds) {
  describe(`handlers on ${broker}`, () => {
    let engine: TestEngine
    before(async () => {
      // One attempt: what becomes of the others is in failures.test.ts.
      engine = await startEngine({ broker, handlers, config: { retry: { attempts: 1 } } })
    })
    after(() => engine[Symbol.asyncDispose]())

    const outcomeOf = async (fields: Readonly<Record<string, unknown>>, config = {}): Promise<MessageBody> => {
      const { api } = engine
      const { id } = await api.createTenant({ config })
      const messageId = await api.publish(id, fields)
      const [stored] = await api.stored(id, 1)
      expect(stored?.id).to.equal(messageId)
      if (stored === undefined) throw new Error('nothing is stored')
      await eventually(async () => (await api.stats(id)).in_flight === 0)
      return stored
    }

    it('get validated data and what is known about the message', async () => {
      contexts.length = 0
      const stored = await outcomeOf({ type: 'strict', data: { to: 'ada' }, priority: 1, key: 'k' }, { greeting: 'hello' })
      expect(stored).to.deep.include({ status: 'processed', data: { to: 'ada' } })
      expect(contexts).to.deep.equal([
        {
          data: { to: 'ADA' },
          tenantId: stored.tenant_id,
          priority: 1,
          key: 'k',
          createdAt: true,
          tenant: { id: stored.tenant_id, config: { greeting: 'hello' } },
          attempt: 1,
        },
      ])
    })

    const failures = [
      ['data that the schema refuses', { type: 'strict', data: { to: 5 } }, /data\.to/],
      ['an error', { type: 'throws' }, /the disk is full/],
      ['undefined, thrown', { type: 'throws nonsense' }, /the handler failed/],
      ['reject()', { type: 'rejects' }, /not wanted/],
      ['retry(), when no attempt is left', { type: 'retries' }, /come again/],
      ['something that is no outcome', { type: 'nonsense' }, /not ack, retry or reject/],
      ['a publish with a bad id', { type: 'forwards badly' }, /not a UUID/],
    ] as const
    for (const [what, fields, reason] of failures) {
      it(`${what} ends in a failed row`, async () => {
        const stored = await outcomeOf(fields)
        expect(stored).to.include({ status: 'failed', attempts: 1 })
        expect(stored.error).to.match(reason)
      })
    }

    it('a handler that misses its deadline is aborted and the message fails', async () => {
      signals.length = 0
      const stored = await outcomeOf({ type: 'late' })
      expect(stored).to.include({ status: 'failed' })
      expect(stored.error).to.match(/deadline of 50 ms/)
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true])
    })

    it('a handler publishes another message for its tenant', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      const messageId = await api.publish(id, { type: 'forwards', data: { x: 1 } })
      const stored = await api.stored(id, 2)
      expect(stored.find(({ type }) => type === 'forwarded')).to.deep.include({
        id: messageId.replace(/^.{8}/, 'ffffffff'),
        data: { from: messageId, data: { x: 1 } },
        priority: 2,
        key: 'k',
        status: 'processed',
      })
    })

    it('a new config reaches the handlers without a restart', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      contexts.length = 0
      await api.expect(200, 'PUT', `/v1/tenants/${id}/config`, { json: { version: 2 } })
      await eventually(async () => {
        await api.publish(id, { type: 'strict', data: { to: 'a' } })
        const seen = contexts.at(-1)
        return typeof seen === 'object' && seen !== null && JSON.stringify(seen).includes('"version":2')
      })
    })
  })
}

describe('handler files', function () {
  this.timeout(90_000)
  const file = join(repositoryDir, 'test/support/handlers/recording.ts')

  it('that the configuration names are loaded and run', async () => {
    await using installation = await createInstallation('rabbitmq')
    const effects = join(installation.dir, 'effects')
    await using node = await startNodeProcess({ ...environmentOf(installation), TENANTRY_HANDLERS: file, TENANTRY_TEST_EFFECTS: effects })
    const { id } = await node.api.createTenant()
    const messageId = await node.api.publish(id, { type: 'effect' })
    const refused = await node.api.publish(id, { type: 'waiting', data: { ms: 'x' } })
    const stored = await node.api.stored(id, 2)
    expect(readFileSync(effects, 'utf8')).to.equal(`effect ${messageId}\n`)
    expect(stored.find((message) => message.id === refused)?.error).to.match(/data\.ms/)
    node.kill('SIGTERM')
    expect(await node.exited).to.deep.equal({ code: 0, signal: null })
  })

  it('that cannot be loaded stop the start with a line that names the file', async () => {
    await using installation = await createInstallation('postgres')
    await using node = startProcess({ ...environmentOf(installation), TENANTRY_HANDLERS: '/nowhere/handlers.ts' })
    expect((await node.exited).code).to.equal(1)
    expect(node.output()).to.match(/^tenantry: .*\/nowhere\/handlers\.ts.*\n$/)
  })
})
