import { expect } from 'chai'
import { createActor } from 'xstate'
import { createDeadLettersLogic } from '../../../actors/dead-letters/logic.ts'
import type { ActorPorts } from '../../../actors/index.ts'
import type { MessageId } from '../../../src/core/ids.ts'
import type { DeadLetter, DeadLetterConsumer, DeadLetterOptions } from '../../../src/core/ports/broker.ts'
import { eventually } from '../../support/eventually.ts'
import { createCalls, turn } from '../support/deferred.ts'
import { createLines, tenantId } from '../support/samples.ts'

const letter: DeadLetter = {
  tenantId,
  id: '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0101' as MessageId,
  type: 'note',
  priority: 0,
  key: null,
  createdAtMs: 0,
  attempt: 1,
  body: Buffer.from('{'),
  reason: 'delivery_limit',
  detail: 'delivered 20 times',
  redelivered: false,
}

function start(record: (letter: DeadLetter) => Promise<void> = async () => {}) {
  const opening = createCalls<DeadLetterOptions, DeadLetterConsumer>()
  const admitted: string[] = []
  const counts: string[] = []
  const closed: number[] = []
  const log = createLines()
  const ports = {
    broker: { openDeadLetters: (_: unknown, options: DeadLetterOptions) => opening.call(options) },
    failures: { recordDeadLetter: record },
    metrics: { settled: (outcome: string) => counts.push(outcome) },
    policy: { reconnect: { baseMs: 2, factor: 2, capMs: 8 } },
    log,
  } as unknown as ActorPorts
  const admit = async <T>(work: () => Promise<T>): Promise<T> => {
    admitted.push('admitted')
    return work()
  }
  const actor = createActor(createDeadLettersLogic(ports, admit), { input: { tenantId } }).start()
  let consumers = 0
  const createConsumer = (): DeadLetterConsumer => {
    const own = ++consumers
    return { close: async () => void closed.push(own) }
  }
  return { actor, opening, admitted, counts, closed, lines: log.lines, createConsumer }
}

/** With its first consumer open. */
async function startOpened(record?: (letter: DeadLetter) => Promise<void>) {
  const rig = start(record)
  await turn()
  await rig.opening.resolve(rig.createConsumer())
  const options = rig.opening.made[0]
  if (!options) throw new Error('nothing was opened')
  return { ...rig, options }
}

describe('the reader of dead letters', () => {
  it('stores a letter as a failed message before it lets the broker remove it', async () => {
    const records = createCalls<DeadLetter, void>()
    const { options, counts, lines, actor } = await startOpened((given) => records.call(given))
    let removed = false
    const stored = options.onDeadLetter(letter).then(() => {
      removed = true
    })
    await turn()
    expect([records.made, removed, counts]).to.deep.equal([[letter], false, []])
    await records.resolve()
    await stored
    expect(counts).to.deep.equal(['failed'])
    expect(lines).to.include('dead letters were stored as failed messages')
    actor.stop()
  })

  it('has a letter that the database does not take given back, and goes on reading', async () => {
    let isAway = true
    const { options, counts, opening, actor } = await startOpened(async () => {
      if (isAway) throw new Error('the database is away')
    })
    const error: unknown = await options.onDeadLetter(letter).catch((thrown: Error) => thrown.message)
    expect([error, counts]).to.deep.equal(['the database is away', []])
    isAway = false
    await options.onDeadLetter(letter)
    expect(counts).to.deep.equal(['failed'])
    expect(opening.made).to.have.length(1)
    actor.stop()
  })

  it('says at once that a letter cannot be stored, and not again for each time that it is handed out', async () => {
    const { options, lines, actor } = await startOpened(() => Promise.reject(new Error('value too long')))
    for (let turns = 0; turns < 5; turns++) await options.onDeadLetter(letter).catch(() => {})
    expect(lines).to.deep.equal(['dead letters could not be stored; trying again'])
    actor.stop()
  })

  it('opens again when its channel is lost, each time in its turn', async () => {
    const { opening, options, admitted, createConsumer, actor } = await startOpened()
    options.onLost('channel closed')
    await eventually(() => opening.open.length === 1)
    await opening.resolve(createConsumer())
    opening.made[1]?.onLost('channel closed')
    await eventually(() => opening.open.length === 1)
    expect(admitted).to.have.length(3)
    actor.stop()
  })

  it('tries as long as it cannot open, and never fails', async () => {
    const { opening, actor, lines, createConsumer, closed } = start()
    for (let attempt = 1; attempt <= 6; attempt++) {
      await eventually(() => opening.open.length === 1)
      await opening.reject(new Error('no such queue'))
    }
    await eventually(() => opening.open.length === 1)
    await opening.resolve(createConsumer())
    expect(actor.getSnapshot().status).to.equal('active')
    expect(lines.filter((line) => line.includes('not drained now'))).to.have.length(6)
    actor.stop()
    expect(closed).to.deep.equal([1])
  })

  it('closes what it has open when it is stopped, and opens nothing more', async () => {
    const { opening, options, closed, actor } = await startOpened()
    actor.stop()
    expect(closed).to.deep.equal([1])
    options.onLost('channel closed')
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(opening.made).to.have.length(1)
  })

  it('closes a channel that opens after it was stopped', async () => {
    const { opening, closed, createConsumer, actor } = start()
    await turn()
    actor.stop()
    expect(closed).to.deep.equal([])
    await opening.resolve(createConsumer())
    expect(closed).to.deep.equal([1])
  })

  it('opens nothing when it is stopped before its turn has come, or before its next try', async () => {
    const waiting: (() => void)[] = []
    const opened: string[] = []
    const ports = { broker: { openDeadLetters: async () => opened.push('opened') }, log: createLines() } as unknown as ActorPorts
    const admit = <T>(work: () => Promise<T>): Promise<T> => new Promise((resolve) => waiting.push(() => resolve(work())))
    const actor = createActor(createDeadLettersLogic(ports, admit), { input: { tenantId } }).start()
    actor.stop()
    for (const admitIt of waiting) admitIt()
    await turn()
    expect(opened).to.deep.equal([])

    const failing = start()
    await turn()
    await failing.opening.reject(new Error('no such queue'))
    failing.actor.stop()
    // On a slow machine its next try may have come before the stop.
    const madeUntilStop = failing.opening.made.length
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(failing.opening.made).to.have.length(madeUntilStop)
  })
})
