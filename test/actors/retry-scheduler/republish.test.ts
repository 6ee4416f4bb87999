import { expect } from 'chai'
import { type Claims, type RepublishRounds, republish } from '../../../actors/retry-scheduler/republish.ts'
import { createTrouble } from '../../../actors/retry-scheduler/trouble.ts'
import { AppError } from '../../../src/core/errors.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import { eventually } from '../../support/eventually.ts'
import { createNotingPorts, createRetry, createSchedule, type NotingPorts } from '../support/due.ts'
import { tenantId } from '../support/samples.ts'

const other = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId

const createRounds = (): RepublishRounds & { readonly due: number[] } => {
  const due: number[] = []
  return { configOf: () => ({ color: 'red' }), trouble: createTrouble((atMs) => due.push(atMs)), late: 0, due }
}
const run = (
  { ports }: NotingPorts,
  claims: Partial<Claims>,
  rounds: RepublishRounds = createRounds(),
  signal = new AbortController().signal,
): Promise<void> => republish({ retries: [], schedules: [], claimedAtMs: performance.now(), ...claims }, ports, rounds, signal)

const failingFor = (id: TenantId, error: Error) => async (messages: readonly OutboundMessage[]) => {
  if (messages.some((message) => message.tenantId === id)) throw error
}

describe('republish', () => {
  it('publishes retries and scheduled messages of a tenant together, and says so in the database afterwards', async () => {
    const noting = createNotingPorts()
    await run(noting, { retries: [createRetry({ type: 'a' }), createRetry({ type: 'b' })], schedules: [createSchedule({ type: 'c' })] })
    expect(noting.done).to.deep.equal(['publish a,b,c', 'republished a,b', 'released c'])
    expect(noting.counts).to.deep.equal(['retry 2', 'scheduled 1'])
  })

  it('publishes the next attempt as it was claimed', async () => {
    const published: OutboundMessage[] = []
    const noting = createNotingPorts({ publish: async (messages) => void published.push(...messages) })
    const claim = createRetry({ attempt: 4, firstAttempt: 3, priority: 2, key: 'k' })
    await run(noting, { retries: [claim] })
    expect(published).to.deep.equal([claim.message])
  })

  it('says nothing before the broker has confirmed', async () => {
    let confirm: () => void = () => {}
    const noting = createNotingPorts({ publish: () => new Promise((resolve) => (confirm = resolve)) })
    const done = run(noting, { retries: [createRetry({ type: 'a' })] })
    await new Promise((resolve) => setImmediate(resolve))
    expect(noting.done).to.deep.equal(['publish a'])
    confirm()
    await done
    expect(noting.done).to.deep.equal(['publish a', 'republished a'])
  })

  it('asks the handler first, with the failed message and the tenant’s settings, and gives up what it does not want', async () => {
    const asked: unknown[] = []
    const noting = createNotingPorts({
      shouldRetry: async (failed, { config }) => {
        asked.push([failed.attempts, config])
        return failed.type === 'b' ? { retry: false, reason: 'too late' } : { retry: true }
      },
    })
    await run(noting, { retries: ['a', 'b', 'c'].map((type) => createRetry({ type })) })
    expect(asked).to.deep.equal(Array(3).fill([1, { color: 'red' }]))
    expect(noting.done).to.deep.equal(['give up b: too late', 'publish a,c', 'republished a,c'])
    expect(noting.counts).to.deep.equal(['retry 2'])
  })

  it('does not ask about scheduled messages, and publishes nothing when nothing is wanted', async () => {
    const noting = createNotingPorts({ shouldRetry: async () => ({ retry: false, reason: 'no' }) })
    await run(noting, { schedules: [createSchedule({ type: 'c' })] })
    await run(noting, { retries: [createRetry({ type: 'a' })] })
    expect(noting.done).to.deep.equal(['publish c', 'released c', 'give up a: no'])
  })

  it('gives back what one tenant’s queue does not take, and nobody else’s', async () => {
    for (const code of ['queue.missing', 'broker.window_full', 'broker.unknown_outcome', 'broker.refused'] as const) {
      const noting = createNotingPorts({ publish: failingFor(tenantId, new AppError(code, 'no')) })
      const retries = [createRetry({ type: 'a' }), createRetry({ type: 'b', tenantId: other })]
      await run(noting, { retries, schedules: [createSchedule({ type: 'c' })] })
      expect(noting.done, code).to.include.members(['give back a after 1000', 'give back c after 1000', 'republished b'])
      expect(noting.done, code).to.not.include.members(['republished a', 'released c'])
      expect(noting.counts).to.deep.equal(['retry 1'])
    }
  })

  it('gives back only what is not stored of a batch that broke off', async () => {
    const claims = ['a', 'b'].map((type) => createRetry({ type, id: `retry-${type}` as MessageId }))
    const schedules = ['c', 'd'].map((type) => createSchedule({ type, id: `schedule-${type}` as MessageId }))
    const confirmed = ['retry-a', 'schedule-d']
    const noting = createNotingPorts({
      publish: () => Promise.reject(new AppError('broker.unknown_outcome', 'the queue is full', { details: { confirmed } })),
    })
    await run(noting, { retries: claims, schedules })
    expect(noting.done).to.have.members([
      'publish a,b,c,d',
      'republished a',
      'released d',
      'give back b after 1000',
      'give back c after 1000',
    ])
    expect(noting.counts).to.have.members(['retry 1', 'scheduled 1'])
  })

  it('rejects when the broker is away, after it has given everything back', async () => {
    const unavailable = new AppError('broker.unavailable', 'the broker is away')
    const noting = createNotingPorts({ publish: () => Promise.reject(unavailable) })
    const error: unknown = await run(noting, {
      retries: [createRetry({ type: 'a' })],
      schedules: [createSchedule({ type: 'b', tenantId: other })],
    }).catch((thrown: unknown) => thrown)
    expect(error).to.equal(unavailable)
    expect(noting.done).to.have.members(['publish a', 'publish b', 'give back a after 1000', 'give back b after 1000'])
  })

  it('rejects when the database is away, and lets the other tenants finish', async () => {
    const noting = createNotingPorts()
    const { failures } = noting.ports
    const republished = failures.republished.bind(failures)
    Object.assign(failures, {
      republished: (claims: Parameters<typeof republished>[0]) =>
        claims[0]?.message.tenantId === tenantId ? Promise.reject(new Error('away')) : republished(claims),
    })
    const retries = [createRetry({ type: 'a' }), createRetry({ type: 'b', tenantId: other })]
    expect(await run(noting, { retries }).catch((error: Error) => error.message)).to.equal('away')
    expect(noting.done).to.include('republished b')
  })

  it('has nothing to do for no claims', async () => {
    const noting = createNotingPorts()
    await run(noting, {})
    expect(noting.done).to.deep.equal([])
  })

  it('asks a queue that takes nothing ever more rarely, says when it is due again, and begins anew when it takes', async () => {
    let isFull = true
    const noting = createNotingPorts({
      publish: async () => {
        if (isFull) throw new AppError('broker.window_full', 'full')
      },
    })
    const rounds = createRounds()
    for (let round = 0; round < 8; round++) await run(noting, { retries: [createRetry({ type: 'a' })] }, rounds)
    const delays = noting.done.filter((line) => line.startsWith('give back')).map((line) => Number(line.split(' ').at(-1)))
    expect(delays).to.deep.equal([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    expect(rounds.due).to.have.length(8)
    isFull = false
    await run(noting, { retries: [createRetry({ type: 'a' })] }, rounds)
    isFull = true
    await run(noting, { retries: [createRetry({ type: 'a' })] }, rounds)
    expect(noting.done.at(-1)).to.equal('give back a after 1000')
  })

  it('publishes nothing that it has held for nearly as long as its lease', async () => {
    const noting = createNotingPorts()
    await run(noting, { retries: [createRetry({ type: 'a' })], claimedAtMs: performance.now() - 25_000 })
    expect(noting.done).to.deep.equal([])
  })

  it('does not wait for the hooks of one tenant with the messages of another, nor with the next look', async () => {
    let answer: () => void = () => {}
    const hanging = new Promise<void>((resolve) => {
      answer = resolve
    })
    const noting = createNotingPorts({
      shouldRetry: ({ type }) => (type === 'a' ? hanging : Promise.resolve()).then(() => ({ retry: true })),
    })
    const slow = Array.from({ length: 20 }, () => createRetry({ type: 'a' }))
    await run(noting, { retries: [...slow, createRetry({ type: 'b', tenantId: other })] })
    expect(noting.done).to.deep.equal(['publish b', 'republished b'])
    answer()
    await eventually(() => noting.done.length === 4)
    expect(noting.done[2]).to.match(/^publish a,a/)
  })
})
