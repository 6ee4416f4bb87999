/** A handler in a thread that dies, spins or hoards costs its own message, and nothing else on the node. */
import { join } from 'node:path'
import { expect } from 'chai'
import { defineHandler } from '../../../src/index.ts'
import type { MessageBody } from '../../support/api.ts'
import { startEngine } from '../../support/engine.ts'
import { brokerKinds } from '../../support/installation.ts'

const file = join(import.meta.dirname, '../../support/handlers/misbehaving.ts')

/** What becomes of a message of each type: error class and error, or null for one that is processed. */
const fates: Readonly<Record<string, readonly [errorClass: string, error: RegExp] | null>> = {
  throws: ['RangeError', /^the handler failed: out of range$/],
  'throws asynchronously': ['SyntaxError', /^the handler failed: nobody catches this$/],
  'rejects unseen': ['Error', /^the handler failed: nobody sees this$/],
  'returns a function': ['InvalidOutcome', /not ack, retry or reject/],
  'never returns': ['DeadlineExceeded', /deadline of 50 ms/],
  spins: ['DeadlineExceeded', /deadline of 50 ms/],
  blocks: ['DeadlineExceeded', /deadline of 50 ms/],
  'hoards arrays': ['OutOfMemory', /^the handler exceeded its memory limit of \d+ MB$/],
  exits: ['HandlerExited', /exit code 3$/],
  waits: null,
  here: null,
}

for (const broker of brokerKinds) {
  describe(`isolated handlers on ${broker}`, function () {
    this.timeout(180_000)

    it('cost their own messages alone, and the worker goes on', async () => {
      const here = defineHandler({ type: 'here', handle: () => undefined })
      const config = { handlers: [file], handler: { threads: 2, threadMemoryMb: 64 }, retry: { attempts: 1 } }
      await using engine = await startEngine({ broker, config, handlers: [here] })
      const { api } = engine
      const { id } = await api.createTenant({ workers: 4 })
      // Each among messages that must come through.
      const types = Object.keys(fates).flatMap((type) => ['here', type, 'waits'])
      const ids = await api.publishMany(
        id,
        types.map((type) => ({ type, data: {} })),
      )
      const gates = types.filter((type) => type === 'waits').length
      const stored = await api.stored(id, types.length + gates, 120_000)
      const byId = new Map(stored.map((message) => [message.id, message]))
      for (const [index, type] of types.entries()) {
        const message = byId.get(String(ids[index]))
        const fate = fates[type] ?? null
        expect(message, type).to.include({ status: fate ? 'failed' : 'processed', attempts: 1 })
        if (!fate) continue
        const [errorClass, error] = fate
        expect(message?.error).to.match(error)
        const detail = await api.expect<MessageBody & { history: { error_class: string }[] }>(
          200,
          'GET',
          `/v1/tenants/${id}/messages/${message?.id}`,
        )
        expect(detail.history.at(-1)?.error_class).to.equal(errorClass)
      }
      expect(stored.filter(({ type }) => type === 'gate')).to.have.length(gates)
      expect(await api.tenant(id)).to.include({ state: 'running', current_workers: 4 })
    })

    it('keep no node from stopping', async () => {
      await using engine = await startEngine({ broker, config: { handlers: [file] } })
      const { api } = engine
      const { id } = await api.createTenant({ workers: 2 })
      await api.publishMany(
        id,
        ['blocks', 'spins in built-in functions', 'waits'].map((type) => ({ type, data: {} })),
      )
      await engine.close(0)
    })
  })
}

describe('an isolated handler that a program has defined inline', () => {
  it('stops the start, and says what to do', async () => {
    const inline = defineHandler({ type: 'inline', isolation: 'thread', handle: () => undefined })
    const start = async (): Promise<unknown> => {
      await using engine = await startEngine({ broker: 'postgres', handlers: [inline] })
      return engine
    }
    const error = await start().catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'handler.load_failed' })
    expect(error).to.have.property('message').that.contains('"inline"').and.contains('a file of its own')
  })
})
