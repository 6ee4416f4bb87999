import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import { createBatchPublisher, readConfirmed, toParts } from '../../../src/core/publish-batch.ts'
import type { WindowLimits } from '../../../src/core/publish-window.ts'

const tenantId = 'a' as TenantId
const limits: WindowLimits = { maxInFlight: 40, maxInFlightPerTenant: 12, maxInFlightBytes: 4_000 }
const forever = new AbortController().signal

const createMessage = (id: string, bytes = 1): OutboundMessage => ({
  ...{ tenantId, id: id as MessageId, type: 'note', priority: 0, key: null, createdAtMs: 0, readyAtMs: 0, attempt: 1, firstAttempt: 1 },
  body: 'x'.repeat(bytes),
})
const createMessages = (count: number): OutboundMessage[] => Array.from({ length: count }, (_, index) => createMessage(`m${index}`))

/** Stores what `refuses` has no answer for, each call of `send` in its turn. */
function setup(refuses: (message: OutboundMessage) => AppError | undefined = () => undefined) {
  const sent: string[][] = []
  let gate = Promise.resolve()
  const batches = createBatchPublisher({
    limits,
    open: () => 'door',
    send: async (_door, admitted, onStored) => {
      sent.push(admitted.map(({ message }) => message.id))
      await gate
      for (const { leave } of admitted) leave()
      for (const { message } of admitted) if (!refuses(message)) onStored(message)
      const failure = admitted.map(({ message }) => refuses(message)).find((error) => error !== undefined)
      if (failure) throw failure
    },
  })
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    return resolve
  }
  return { batches, sent, hold }
}

const errorFrom = async (work: Promise<void>): Promise<unknown> =>
  work.then(
    () => 'it resolved',
    (error: unknown) => error,
  )

const refused = new AppError('broker.refused', 'the queue is full', { retryable: true, scope: 'message' })

describe('createBatchPublisher', () => {
  it('sends a client’s batch at once, or refuses it at once', async () => {
    const { batches, sent, hold } = setup()
    const release = hold()
    const first = batches.publish(createMessages(10))
    expect(await errorFrom(batches.publish(createMessages(3)))).to.include({ code: 'broker.window_full' })
    release()
    await first
    await batches.publish([])
    expect(sent.map(({ length }) => length)).to.deep.equal([10])
  })

  it('sends a patient batch in parts of a quarter of the window, one after the other', async () => {
    const { batches, sent } = setup()
    await batches.publish(createMessages(8), { patience: forever })
    expect(sent).to.deep.equal([
      ['m0', 'm1', 'm2'],
      ['m3', 'm4', 'm5'],
      ['m6', 'm7'],
    ])
  })

  it('lets patient batches and clients pass each other', async () => {
    const { batches, sent, hold } = setup()
    const release = hold()
    const both = [batches.publish(createMessages(12)), batches.publish(createMessages(3), { patience: forever })]
    await new Promise((resolve) => setImmediate(resolve))
    expect(sent.map(({ length }) => length)).to.deep.equal([12, 3])
    release()
    await Promise.all(both)
    // The other way round.
    const again = hold()
    const patient = batches.publish(createMessages(3), { patience: forever })
    const client = batches.publish(createMessages(12))
    again()
    await Promise.all([patient, client])
  })

  it('waits while another patient batch is under way, until its patience ends', async () => {
    const { batches, sent, hold } = setup()
    const release = hold()
    const first = batches.publish(createMessages(3), { patience: forever })
    const patience = new AbortController()
    const second = errorFrom(batches.publish(createMessages(3), { patience: patience.signal }))
    const third = batches.publish(createMessages(3), { patience: forever })
    patience.abort()
    expect(await second).to.include({ code: 'broker.window_full' })
    release()
    await Promise.all([first, third])
    expect(sent).to.have.length(2)
  })

  it('sends nothing more after a part that failed, and names what is stored', async () => {
    const { batches, sent } = setup(({ id }) => (id === 'm4' ? refused : undefined))
    const error = await errorFrom(batches.publish(createMessages(9), { patience: forever }))
    expect(error).to.include({ code: 'broker.unknown_outcome', retryable: true, cause: refused })
    expect(error).to.have.property('message', '5 of 9 messages are stored: the queue is full')
    expect([...readConfirmed(error)]).to.deep.equal(['m0', 'm1', 'm2', 'm3', 'm5'])
    expect(sent).to.have.length(2)
  })

  it('keeps the error when nothing is stored', async () => {
    const { batches } = setup(() => refused)
    const error = await errorFrom(batches.publish(createMessages(9)))
    expect(error).to.equal(refused)
    expect([...readConfirmed(error)]).to.deep.equal([])
    expect([...readConfirmed(new Error('any'))]).to.deep.equal([])
  })

  it('does not name an id of which another message is not stored', async () => {
    const { batches } = setup(({ body }) => (body === 'xx' ? refused : undefined))
    const error = await errorFrom(batches.publish([createMessage('twin'), createMessage('twin', 2), createMessage('other')]))
    expect([...readConfirmed(error)]).to.deep.equal(['other'])
  })
})

describe('toParts', () => {
  const lengthsOf = (sizes: readonly number[]): number[] =>
    toParts(
      sizes.map((bytes) => createMessage('m', bytes)),
      { maxInFlight: 4, maxInFlightPerTenant: 3, maxInFlightBytes: 100 },
    ).map(({ length }) => length)

  it('fills each part with messages or with bytes, and gives a message that is too large its own', () => {
    expect(lengthsOf([])).to.deep.equal([])
    expect(lengthsOf([1, 1, 1, 1, 1, 1, 1])).to.deep.equal([3, 3, 1])
    expect(lengthsOf([60, 40, 1, 99, 2])).to.deep.equal([2, 2, 1])
    expect(lengthsOf([1, 500, 1])).to.deep.equal([1, 1, 1])
  })
})
