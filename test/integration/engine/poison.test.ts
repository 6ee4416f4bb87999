import { randomUUID } from 'node:crypto'
import type { Options } from 'amqplib'
import { expect } from 'chai'
import { defineHandler } from '../../../src/index.ts'
import { startEngine, type TestEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { withChannel } from '../../support/rabbitmq.ts'

describe('poison from a foreign publisher', () => {
  let engine: TestEngine
  before(async () => {
    const parsing = defineHandler({
      type: 'parsing',
      handle: async ({ data }) => {
        JSON.stringify(data)
      },
    })
    engine = await startEngine({ broker: 'rabbitmq', handlers: [parsing] })
  })
  after(() => engine[Symbol.asyncDispose]())

  interface FailedBody {
    readonly id: string
    readonly status: string
    readonly error: { readonly class: string }
    readonly data: unknown
    readonly raw_base64: string | null
  }
  interface Letter {
    readonly body: string | Buffer
    readonly options?: Options.Publish
  }
  const put = (tenantId: string, letters: readonly Letter[]) =>
    withChannel(String(engine.installation.rabbitmqUrl), async (channel) => {
      for (const { body, options } of letters)
        channel.sendToQueue(`tenant_${tenantId}_queue`, Buffer.from(body), { persistent: true, ...options })
      await channel.waitForConfirms()
    })
  const failedOf = async (id: string) => {
    const { data } = await engine.api.expect<{ data: FailedBody[] }>(200, 'GET', `/v1/tenants/${id}/failed-messages?limit=200`)
    return data
  }
  // `data` is what the bytes say in JSON; anything else comes in base64.
  const bytesOf = ({ data, raw_base64 }: FailedBody): Buffer =>
    raw_base64 === null ? Buffer.from(JSON.stringify(data)) : Buffer.from(raw_base64, 'base64')
  const known = (type = 'plain'): Options.Publish => ({ messageId: randomUUID(), type, headers: { created_at_ms: Date.now() } })

  const storable: Readonly<Record<string, Letter>> = {
    'a NUL escape': { body: '{"a":"\\u0000"}', options: known() },
    'a lone surrogate escape': { body: '{"a":"\\ud800"}', options: known() },
    'a lone surrogate in a key': { body: '{"\\udc00":1}', options: known() },
    'invalid JSON': { body: '{"a":', options: known() },
    nothing: { body: '', options: known() },
    'a number that no database holds': { body: '1e999999', options: known() },
    '100,000 levels of nesting': { body: '['.repeat(100_000) + ']'.repeat(100_000), options: known() },
    'invalid JSON for a handler that parses': { body: '{', options: known('parsing') },
    'a NUL in the type': { body: '1', options: known('a\u0000b') },
    'a NUL in the key': { body: '1', options: { ...known(), headers: { created_at_ms: Date.now(), key: 'a\u0000' } } },
  }
  const unreadable: Readonly<Record<string, Letter>> = {
    'no properties': { body: '{"a":1}' },
    'no type': { body: '{"a":1}', options: { messageId: randomUUID() } },
    'an id that is no UUID': { body: '{"a":1}', options: { messageId: '1', type: 'plain' } },
    'bytes that are not UTF-8': { body: Buffer.from([0xc3, 0x28, 0xff]), options: known() },
  }

  it('never keeps its neighbors from being stored, and ends among the failed messages', async () => {
    const { api } = engine
    const { id } = await api.createTenant({ status: 'paused' })
    const letters = [...Object.values(storable), ...Object.values(unreadable)]
    const good: string[] = []
    // Interleaved while the tenant is paused: poison and neighbors come in the same batch.
    for (const letter of letters) {
      good.push(
        ...(await api.publishMany(id, [
          { type: 'plain', data: 'good' },
          { type: 'parsing', data: 'good' },
        ])),
      )
      await put(id, [letter])
    }
    await eventually(async () => (await api.stats(id)).queue.ready === letters.length + good.length)
    await api.expect(200, 'POST', `/v1/tenants/${id}/resume`)

    await eventually(async () => (await failedOf(id)).length === letters.length)
    const stored = await api.stored(id, good.length + Object.keys(storable).length)
    const ids = (status: string) => stored.filter((message) => message.status === status).map((message) => message.id)
    expect(ids('processed').sort()).to.deep.equal(good.sort())
    // One that nobody can read, but whose id and type are known, is a message that has failed.
    const identified = [...Object.values(storable), unreadable['bytes that are not UTF-8']]
    expect(ids('failed').sort()).to.deep.equal(identified.map((letter) => String(letter?.options?.messageId)).sort())
    expect(stored.filter(({ status, error }) => status === 'failed' && !error)).to.deep.equal([])
    expect(await api.tenant(id)).to.include({ state: 'running', current_workers: 3 })

    await api.publish(id)
    await api.stored(id, stored.length + 1)
  })

  for (const [what, letter] of Object.entries({ ...storable, ...unreadable })) {
    it(`${what} becomes a failed message with its bytes`, async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      await put(id, [letter])
      const [listed] = await eventually(async () => {
        const failed = await failedOf(id)
        if (failed.length !== 1) throw new Error(`${failed.length} failed messages`)
        return failed
      })
      const found = await api.expect<FailedBody>(200, 'GET', `/v1/tenants/${id}/failed-messages/${listed?.id}`)
      expect(found.status).to.equal('permanently_failed')
      expect(bytesOf(found)).to.deep.equal(Buffer.from(letter.body))
      if (what in storable) expect(found.id).to.equal(letter.options?.messageId)
      else expect(found.error.class).to.equal('Undecodable')
      await eventually(async () => (await api.stats(id)).queue.dlq === 0)
      expect((await api.tenant(id)).state).to.equal('running')
      expect((await api.stats(id)).queue.ready).to.equal(0)
    })
  }

  it('a property that is odd but harmless is taken for its default', async () => {
    const { api } = engine
    const { id } = await api.createTenant()
    await put(id, [
      {
        body: '{"a":1}',
        options: { messageId: randomUUID(), type: 'plain', priority: 9, headers: { created_at_ms: 'x', attempt: -3, key: 5 } },
      },
    ])
    const [stored] = await api.stored(id, 1)
    expect(stored).to.deep.include({ status: 'processed', data: { a: 1 }, priority: 0, key: null, attempts: 1 })
  })
})
