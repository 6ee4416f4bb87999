import { inspect } from 'node:util'
import { expect } from 'chai'
import { z } from 'zod'
import { AppError } from '../../../src/core/errors.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import { reject, retry } from '../../../src/core/outcome.ts'
import type { RunContext } from '../../../src/core/ports/handlers.ts'
import { createHandlers, defineHandler, type HandlerDefinition } from '../../../src/handlers/index.ts'
import { createDelivery, createLines } from '../../actors/support/samples.ts'

const secret = 'canary-0123456789'
const services = {
  defaultTimeoutMs: 1_000,
  loggerFor: createLines,
  publishFor: () => async () => 'id',
  secretFor: () => async (name: string) => {
    if (name === 'known') return secret
    throw new AppError('secret.missing', `the tenant has no secret "${name}"`)
  },
}

function run(
  definition: Omit<HandlerDefinition, 'type'>,
  options: { text?: string; signal?: AbortSignal; onDeadline?: RunContext['onDeadline'] } = {},
): Promise<Outcome> | Outcome {
  const handlers = createHandlers([defineHandler({ type: 'note', ...definition })], services)
  const delivery = createDelivery({ text: () => options.text ?? '{"name":"Ada"}', attempt: 3, key: 'k', priority: 1 })
  const { signal = new AbortController().signal, onDeadline } = options
  return handlers.find('note').run(delivery, { config: { color: 'red' }, signal, ...(onDeadline && { onDeadline }) })
}

describe('a handler', () => {
  it('is given the parsed message, the settings and its attempt', async () => {
    let seen: unknown
    await run({
      handle: async ({ data, priority, key, createdAt }, { tenant, attempt, publish }) => {
        seen = {
          data,
          priority,
          key,
          dated: createdAt instanceof Date,
          config: tenant.config,
          attempt,
          id: await publish({ type: 'x', data: 1 }),
        }
      },
    })
    expect(seen).to.deep.equal({
      data: { name: 'Ada' },
      priority: 1,
      key: 'k',
      dated: true,
      config: { color: 'red' },
      attempt: 3,
      id: 'id',
    })
  })

  it('acknowledges by returning nothing, and decides otherwise by an outcome', async () => {
    expect(await run({ handle: () => undefined })).to.deep.equal({ kind: 'ack' })
    expect(await run({ handle: async () => retry('later', 5) })).to.deep.equal({ kind: 'retry', reason: 'later', afterMs: 5 })
    expect(await run({ handle: () => reject('no') })).to.deep.equal({ kind: 'reject', reason: 'no' })
  })

  it('is rejected when it returns anything else', async () => {
    const nonsenses = [null, true, 'ack', { kind: 'done' }, () => 'ack', Symbol('ack')]
    for (const nonsense of nonsenses) {
      expect(await run({ handle: () => nonsense as unknown as undefined })).to.include({ kind: 'reject', errorClass: 'InvalidOutcome' })
    }
  })

  it('asks for another attempt by throwing anything', async () => {
    const thrown = await run({
      handle: () => {
        throw new RangeError('boom')
      },
    })
    expect(thrown).to.deep.equal({ kind: 'retry', reason: 'the handler failed: boom', errorClass: 'RangeError' })
    const unreadable = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('y')
      },
    })
    for (const nothing of [undefined, null, 'boom', { code: 7 }, unreadable]) {
      expect(await run({ handle: () => Promise.reject(nothing) })).to.include({ kind: 'retry', errorClass: 'NotAnError' })
    }
  })

  it('does not run when the data is not JSON or does not fit the schema', async () => {
    let ran = false
    const handle = (): undefined => {
      ran = true
    }
    const schema = z.object({ items: z.array(z.object({ name: z.string() })) })
    expect(await run({ handle }, { text: '{' })).to.deep.equal({
      kind: 'reject',
      reason: 'the message data is not JSON',
      errorClass: 'InvalidData',
    })
    const refused = await run({ handle, schema }, { text: '{"items":[{"name":1}]}' })
    expect(refused).to.include({ kind: 'reject', errorClass: 'InvalidData' })
    expect('reason' in refused && refused.reason).to.match(/^data\.items\.0\.name: /)
    expect(ran).to.equal(false)
  })

  it('is given what its schema makes of the data', async () => {
    let seen: unknown
    const schema = z.object({ name: z.string().transform((name) => name.length) })
    await run({
      schema,
      handle: ({ data }) => {
        seen = data
      },
    })
    expect(seen).to.deep.equal({ name: 3 })
  })

  it('asks for another attempt when its schema throws', async () => {
    const schema = { '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('bad schema')) } } as const
    expect(await run({ schema, handle: () => undefined })).to.deep.equal({
      kind: 'retry',
      reason: 'the handler failed: bad schema',
      errorClass: 'Error',
    })
  })

  it('is told of its deadline, and what it answers later is ignored', async () => {
    let aborted = false
    const outcome = await run({
      timeoutMs: 5,
      handle: (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true
            resolve(reject('too late'))
          })
        }),
    })
    expect(outcome).to.deep.equal({
      kind: 'retry',
      reason: 'the handler did not answer within its deadline of 5 ms',
      errorClass: 'DeadlineExceeded',
    })
    expect(aborted).to.equal(true)
  })

  it('says when it begins by when it is given up', async () => {
    const told: (readonly [string, number])[] = []
    const before = Date.now()
    await run({ timeoutMs: 4_000, handle: () => undefined }, { onDeadline: ({ type }, atMs) => told.push([type, atMs]) })
    expect(told.map(([type]) => type)).to.deep.equal(['note'])
    expect(told[0]?.[1]).to.be.within(before + 4_000, Date.now() + 4_000)
  })

  it('is given up when the node stops', async () => {
    const node = new AbortController()
    const outcome = run({ handle: () => new Promise(() => {}) }, { signal: node.signal })
    node.abort()
    expect(await outcome).to.deep.equal({
      kind: 'retry',
      reason: 'the node stopped before the handler had answered',
      errorClass: 'NodeStopped',
    })
  })

  it('does not begin when the node has already stopped', async () => {
    let ran = false
    const outcome = await run(
      {
        handle: () => {
          ran = true
          return new Promise(() => {})
        },
      },
      { signal: AbortSignal.abort() },
    )
    expect(outcome).to.include({ kind: 'retry', reason: 'the node stopped before the handler had answered' })
    expect(ran).to.equal(false)
  })
})

describe('a handler that uses a secret', () => {
  it('is given the one that it names, and fails without it', async () => {
    let seen: unknown
    expect(
      await run({
        handle: async (_, context) => {
          seen = await context.secret('known')
        },
      }),
    ).to.deep.equal({ kind: 'ack' })
    expect(seen).to.equal(secret)
    expect(
      await run({
        handle: async (_, context) => {
          await context.secret('unknown')
        },
      }),
    ).to.deep.equal({ kind: 'retry', reason: 'the handler failed: the tenant has no secret "unknown"', errorClass: 'AppError' })
  })

  it('leaves nothing of it in reasons and in the log', async () => {
    const ways: readonly HandlerDefinition['handle'][] = [
      async (_, context) => {
        throw new Error(`cannot log in with ${await context.secret('known')}`)
      },
      async (_, context) => retry(`https://host/?key=${await context.secret('known')}`),
      async (_, context) => {
        throw new Error(`${'x'.repeat(490)}${await context.secret('known')}`)
      },
      async (_, context) => {
        const value = await context.secret('known')
        context.logger.warn(value, { header: [`Key ${value}`], error: new Error(value, { cause: value }) })
        return undefined
      },
    ]
    const lines: unknown[] = []
    const write = (...line: unknown[]): void => void lines.push(line)
    const logger = { debug: write, info: write, warn: write, error: write }
    const handlers = createHandlers(
      ways.map((handle, index) => defineHandler({ type: `way ${index}`, handle })),
      { ...services, loggerFor: () => logger },
    )
    const outcomes: Outcome[] = []
    for (const index of ways.keys()) {
      const context = { config: {}, signal: new AbortController().signal }
      outcomes.push(await handlers.find(`way ${index}`).run(createDelivery(), context))
    }
    const left = inspect([outcomes, lines], { depth: 9 })
    expect(left).to.include('cannot log in with [redacted]').and.to.include("header: [ 'Key [redacted]' ]")
    // A reason is cut after 500 characters: what is left of the secret goes too.
    expect(left).to.not.include(secret.slice(0, 6))
  })
})

describe('createHandlers', () => {
  it('stores every type that nobody has defined, without a look-up and without waiting', () => {
    const handler = createHandlers([], services).find('anything')
    expect(handler.idempotent).to.equal(true)
    expect(handler.run(createDelivery(), { config: {}, signal: new AbortController().signal })).to.deep.equal({ kind: 'ack' })
  })
})

describe('defineHandler', () => {
  it('refuses at once what could not run', () => {
    const handle = (): undefined => undefined
    const unusable: readonly unknown[] = [
      undefined,
      null,
      { handle },
      { type: '', handle },
      { type: 'x'.repeat(201), handle },
      { type: 'x' },
      { type: 'x', handle: 'no' },
      { type: 'x', handle, timeoutMs: 0 },
      { type: 'x', handle, timeoutMs: Number.NaN },
      { type: 'x', handle, timeoutMs: 2 ** 31 },
      { type: 'x', handle, isolation: 'process' },
      { type: 'x', handle, schema: {} },
      { type: 'x', handle, schema: null },
    ]
    for (const definition of unusable) expect(() => defineHandler(definition as HandlerDefinition)).to.throw(TypeError, 'defineHandler')
  })
})
