import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { Delivery } from '../../../src/core/message.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import { createHandlers, defineHandler, type HandlerPublish, type HandlerRegistry, loadHandlers } from '../../../src/handlers/index.ts'
import * as door from '../../../src/handlers/thread-door.ts'
import * as library from '../../../src/index.ts'
import { createDelivery, createLines, tenantId } from '../../actors/support/samples.ts'
import { eventually } from '../../support/eventually.ts'

const files = ['misbehaving.ts', 'secretive.ts'].map((name) => join(import.meta.dirname, '../../support/handlers', name))
const memoryMb = 64
const otherTenantId = '00000000-0000-7000-8000-00000000000b' as TenantId

type Publish = (message: HandlerPublish) => Promise<string>

const secret = 'canary-0123456789'

/** Threads of their own; `publish` is what a handler's publish() does. The secret `known` is there, no other. */
async function setup({ maxThreads = 2, publish = async () => 'id' }: { maxThreads?: number; publish?: Publish } = {}) {
  const lines: (readonly [string, unknown])[] = []
  const write = (message: string, details?: object): void => void lines.push([message, details])
  const leftBehind = Promise.withResolvers<unknown>()
  const handlers = createHandlers(
    await loadHandlers(files),
    {
      defaultTimeoutMs: 60_000,
      loggerFor: () => ({ debug: write, info: write, warn: write, error: write }),
      publishFor: () => publish,
      secretFor: () => async (name) => {
        if (name === 'known') return secret
        throw new AppError('secret.missing', `the tenant has no secret "${name}"`)
      },
    },
    { maxThreads, memoryMb, onLeftBehind: (reason, of) => leftBehind.resolve({ reason, of }) },
  )
  return {
    handlers,
    lines,
    leftBehind: leftBehind.promise,
    run: (type: string, changes: Partial<Delivery> = {}, signal = new AbortController().signal) =>
      run(handlers, createDelivery({ type, ...changes }), signal),
    [Symbol.asyncDispose]: () => handlers.close(),
  }
}

async function run(handlers: HandlerRegistry, delivery: Delivery, signal: AbortSignal): Promise<Outcome> {
  return handlers.find(delivery.type).run(delivery, { config: { color: 'red' }, signal })
}

/** A publish() that waits until the test lets it. */
function createGate() {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<string>()
  const publish: Publish = () => {
    reached.resolve()
    return opened.promise
  }
  return { publish, reached: reached.promise, open: () => opened.resolve('id') }
}

const failed = (reason: string, errorClass: string) => ({ kind: 'retry', reason: `the handler failed: ${reason}`, errorClass })
const late = (timeoutMs: number) => ({
  kind: 'retry',
  reason: `the handler did not answer within its deadline of ${timeoutMs} ms`,
  errorClass: 'DeadlineExceeded',
})
const invalid = {
  kind: 'reject',
  reason: 'the handler returned something that is not ack, retry or reject',
  errorClass: 'InvalidOutcome',
}
const tooGreedy = { kind: 'retry', reason: `the handler exceeded its memory limit of ${memoryMb} MB`, errorClass: 'OutOfMemory' }

const outcomes: Readonly<Record<string, object>> = {
  throws: failed('out of range', 'RangeError'),
  'throws no error': failed('a value that is not an Error was thrown: [object Object]', 'NotAnError'),
  'throws what cannot be read': failed('what it threw cannot be read', 'NotAnError'),
  rejects: failed('not a function', 'TypeError'),
  'throws asynchronously': failed('nobody catches this', 'SyntaxError'),
  'rejects unseen': failed('nobody sees this', 'Error'),
  'returns a function': invalid,
  'returns a symbol': invalid,
  'returns more than an outcome': { kind: 'reject', reason: 'no' },
  'never returns': late(50),
  'returns late': late(50),
  spins: late(50),
  'spins in built-in functions': late(1_000),
  blocks: late(50),
  'hoards objects': tooGreedy,
  'hoards arrays': tooGreedy,
  'hoards a map': tooGreedy,
  'hoards buffers': tooGreedy,
  exits: { kind: 'retry', reason: 'the handler ended its thread with exit code 3', errorClass: 'HandlerExited' },
}

describe('a handler in a thread', function () {
  this.timeout(180_000)

  describe('costs its own message alone when it', () => {
    for (const [type, outcome] of Object.entries(outcomes)) {
      it(type, async () => {
        const gate = createGate()
        await using threads = await setup({ publish: gate.publish })
        const neighbor = threads.run('waits', { tenantId: otherTenantId })
        await gate.reached
        expect(await threads.run(type)).to.deep.equal(outcome)
        gate.open()
        expect(await neighbor).to.deep.equal({ kind: 'ack' })
      })
    }
  })

  it('leaves the thread, or another one, to the messages after it, whatever it does', async () => {
    await using threads = await setup({ maxThreads: 1 })
    const types = Object.keys(outcomes)
    const got = await Promise.all(types.map((type) => Promise.all([threads.run(type), threads.run('waits')])))
    expect(got).to.deep.equal(types.map((type) => [outcomes[type], { kind: 'ack' }]))
  })

  it('is given the parsed message, the settings and its attempt, and may publish and log', async () => {
    const published: HandlerPublish[] = []
    await using threads = await setup({
      publish: async (message) => {
        published.push(message)
        return 'id'
      },
    })
    const changes = { text: () => '{"name":"Ada"}', priority: 1, key: 'k', attempt: 3, createdAtMs: 5 } as const
    expect(await threads.run('sees', changes)).to.deep.equal({ kind: 'ack' })
    const tenant = { id: tenantId, config: { color: 'red' } }
    const data = { data: { name: 3 }, priority: 1, key: 'k', createdAt: new Date(5), tenant, attempt: 3 }
    expect(published).to.deep.equal([{ type: 'seen', data }])
    expect(threads.lines).to.deep.equal([
      ['seen', { by: 'thread' }],
      ['strange', { details: '{ handle: [Function: handle] }' }],
    ])
  })

  it('is rejected when its data does not fit the schema', async () => {
    await using threads = await setup()
    const outcome = await threads.run('sees', { text: () => '{"name":1}' })
    expect(outcome).to.include({ kind: 'reject', errorClass: 'InvalidData' })
    expect('reason' in outcome && outcome.reason).to.match(/^data\.name: /)
  })

  it('says when it has begun by when it is given up', async () => {
    await using threads = await setup()
    const told: number[] = []
    const before = Date.now()
    const { signal } = new AbortController()
    await threads.handlers
      .find('blocks')
      .run(createDelivery({ type: 'blocks' }), { config: {}, signal, onDeadline: (_, atMs) => told.push(atMs) })
    expect(told).to.have.lengthOf(1)
    expect(told[0]).to.be.within(before + 50, Date.now() + 50)
  })

  it('learns why its message was not published', async () => {
    const refusals = [new AppError('tenant.draining', 'the tenant was drained'), new TypeError('id "x" is not a UUID')]
    const texts = ['tenant.draining: the tenant was drained', 'TypeError: id "x" is not a UUID']
    for (const [index, refusal] of refusals.entries()) {
      await using threads = await setup({ publish: () => Promise.reject(refusal) })
      expect(await threads.run('is refused')).to.deep.equal({ kind: 'reject', reason: texts[index] })
    }
  })

  it('reads secrets of its tenant, and learns why it cannot', async () => {
    const published: HandlerPublish[] = []
    await using threads = await setup({
      publish: async (message) => {
        published.push(message)
        return 'id'
      },
    })
    expect(await threads.run('reads secrets', { text: () => '{"names":["known","known"]}' })).to.deep.equal({ kind: 'ack' })
    expect(published).to.deep.equal([{ type: 'read', data: [secret, secret] }])
    const refused = await threads.run('reads secrets', { text: () => '{"names":["known","unknown"]}' })
    expect(refused).to.deep.equal(failed('the tenant has no secret "unknown"', 'AppError'))
  })

  it('leaves none of its secrets behind, however it fails and whatever it logs', async () => {
    await using threads = await setup({ maxThreads: 1 })
    const outcomes = []
    for (const how of ['throws', 'retries', 'rejects', 'crashes', 'logs', 'leaves behind']) {
      outcomes.push(await threads.run('tells secrets', { text: () => JSON.stringify({ how }) }))
    }
    const texts = inspect([outcomes, threads.lines, await threads.leftBehind], { depth: 9 })
    expect(texts).to.not.include(secret)
    // Four reasons; message, detail and cause in the log; what was left behind.
    expect(texts.match(/it is \[redacted\]/g)).to.have.length(8)
  })

  it('logs no more than a bounded number of lines', async () => {
    await using threads = await setup({ maxThreads: 1 })
    expect(await threads.run('floods the log')).to.deep.equal({ kind: 'ack' })
    await eventually(() => threads.lines.length >= 1_000)
    expect(threads.lines).to.have.length(1_000)
    expect(threads.lines.at(-1)?.[0]).to.match(/the rest is left out$/)
  })

  it('is not blamed for what an earlier message has left behind', async () => {
    const gate = createGate()
    await using threads = await setup({ maxThreads: 1, publish: gate.publish })
    const { id } = createDelivery()
    const [leaving, next] = [threads.run('leaves an error behind', { id }), threads.run('waits')]
    expect(await leaving).to.deep.equal({ kind: 'ack' })
    const of = { tenantId, id, type: 'leaves an error behind' }
    expect(await threads.leftBehind).to.deep.equal({ reason: 'left behind', of })
    gate.open()
    expect(await next).to.deep.equal({ kind: 'ack' })
  })

  it('is given up when the node stops, while it waits for a thread and while it spins', async () => {
    const gate = createGate()
    await using threads = await setup({ maxThreads: 1, publish: gate.publish })
    const node = new AbortController()
    const first = threads.run('waits')
    await gate.reached
    const waiting = threads.run('blocks', {}, node.signal)
    node.abort()
    expect(await waiting).to.include({ kind: 'retry', errorClass: 'NodeStopped' })
    gate.open()
    expect(await first).to.deep.equal({ kind: 'ack' })

    const last = new AbortController()
    const spinning = threads.run('hoards objects', {}, last.signal)
    last.abort()
    expect(await spinning).to.include({ kind: 'retry', errorClass: 'NodeStopped' })
  })

  it('ends with its pool, which takes nothing after that', async () => {
    const gate = createGate()
    const { handlers, run } = await setup({ publish: gate.publish })
    const inHand = run('waits')
    await gate.reached
    await handlers.close()
    expect(await inHand).to.include({ kind: 'retry', errorClass: 'NodeStopped' })
    expect(await run('waits')).to.include({ kind: 'retry', errorClass: 'NodeStopped' })
    await handlers.close()
  })

  it('must come from a file', () => {
    const inline = defineHandler({ type: 'inline', isolation: 'thread', handle: () => undefined })
    const services = {
      defaultTimeoutMs: 1_000,
      loggerFor: createLines,
      publishFor: () => async () => 'id',
      secretFor: () => async () => '',
    }
    expect(() => createHandlers([inline], services))
      .to.throw(AppError, 'export it from a file of its own')
      .with.property('code', 'handler.load_failed')
  })

  it('sees the package under every name that it has', () => {
    expect(Object.keys(door)).to.deep.equal(Object.keys(library))
  })
})
