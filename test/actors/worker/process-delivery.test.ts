import { expect } from 'chai'
import type { LedgerEntry } from '../../../actors/ledger/group-committer.ts'
import { createSession, type Session } from '../../../actors/tenant/session.ts'
import { type LoopControl, runDeliveryLoop } from '../../../actors/worker/process-delivery.ts'
import type { MessageId } from '../../../src/core/ids.ts'
import type { Delivery } from '../../../src/core/message.ts'
import { createMeter } from '../../../src/core/meter.ts'
import { ack, type Outcome, reject, retry } from '../../../src/core/outcome.ts'
import type { RunContext } from '../../../src/core/ports/handlers.ts'
import type { RecordedStatus } from '../../../src/core/ports/message-store.ts'
import { defaultRetryPolicy } from '../../../src/core/retry-policy.ts'
import { turn } from '../support/deferred.ts'
import { createCircuitsOf, createDelivery, tenantId } from '../support/samples.ts'

interface Options {
  readonly run?: (delivery: Delivery, context: RunContext) => Outcome | Promise<Outcome>
  readonly idempotent?: boolean
  readonly lookUp?: (delivery: Delivery) => Promise<RecordedStatus | undefined>
}

function setup({ run = () => ack, idempotent = false, lookUp = async () => undefined }: Options = {}) {
  const recorded: LedgerEntry[] = []
  const ran: Delivery[] = []
  const settled: string[] = []
  const counts: string[] = []
  const away: string[] = []
  const session = createSession(tenantId, createMeter(), 1)
  session.bind({
    start: async () => {},
    cancel: async () => {},
    close: async () => {},
    ack: () => settled.push('ack'),
    requeue: () => settled.push('requeue'),
  })
  const control: LoopControl = { worker: 1, finishing: false }
  const inHand = new Set<string>()
  const handler = {
    type: 'note',
    idempotent,
    run: (delivery: Delivery, context: RunContext) => {
      ran.push(delivery)
      return run(delivery, context)
    },
  }
  const loop = (): Promise<void> =>
    runDeliveryLoop(session, control, {
      handlers: { find: () => handler },
      ledger: { record: (entry) => recorded.push(entry) },
      recorded: { lookUp },
      inHand,
      circuits: createCircuitsOf(),
      policyFor: () => defaultRetryPolicy,
      metrics: { handlerRan: () => counts.push('ran'), settled: (outcome) => counts.push(outcome) },
      onDatabaseAway: (error) => {
        away.push(error.message)
        session.mailbox.shut()
      },
    })
  const receive = (...deliveries: readonly Delivery[]): void => {
    for (const delivery of deliveries) session.receive(delivery)
  }
  return { session, control, loop, receive, recorded, ran, settled, counts, away, inHand }
}

describe('the delivery loop', () => {
  it('works until the mailbox is empty, and gives each outcome to the ledger', async () => {
    const outcomes = [ack, retry('later'), reject('no')]
    const { loop, receive, recorded, session } = setup({ run: () => outcomes.shift() ?? ack })
    const deliveries = [createDelivery(), createDelivery(), createDelivery()]
    receive(...deliveries)
    await loop()
    expect(recorded.map(({ delivery }) => delivery)).to.deep.equal(deliveries)
    expect(recorded.map(({ settlement }) => settlement.kind)).to.deep.equal(['processed', 'retrying', 'failed'])
    expect(session.inFlight, 'settled before the commit').to.equal(3)
  })

  it('does not wait for outcomes that are already there', () => {
    const { loop, receive, recorded } = setup()
    receive(...Array.from({ length: 100 }, () => createDelivery()))
    void loop()
    expect(recorded).to.have.length(100)
  })

  it('runs one slow handler at a time, and shows what it works on', async () => {
    const finish: ((outcome: Outcome) => void)[] = []
    const { loop, receive, recorded, session, ran, counts } = setup({ run: () => new Promise((resolve) => finish.push(resolve)) })
    const [one, two] = [createDelivery(), createDelivery()]
    receive(one, two)
    const done = loop()
    expect([...session.running.keys()]).to.deep.equal([one])
    finish[0]?.(ack)
    await turn()
    expect(ran).to.deep.equal([one, two])
    finish[1]?.(ack)
    await done
    expect(recorded).to.have.length(2)
    expect(session.running.size).to.equal(0)
    expect(counts).to.deep.equal(['ran', 'ran'])
  })

  it('finishes the delivery in hand and takes no other when it is asked to', async () => {
    const finish: ((outcome: Outcome) => void)[] = []
    const { loop, receive, recorded, session, control } = setup({ run: () => new Promise((resolve) => finish.push(resolve)) })
    receive(createDelivery(), createDelivery())
    const done = loop()
    control.finishing = true
    finish[0]?.(ack)
    await done
    expect(recorded).to.have.length(1)
    expect(session.mailbox.size).to.equal(1)
  })

  it('uses the settings of the moment, also in a loop that never rests', async () => {
    const seen: unknown[] = []
    const fixture: { session?: Session } = {}
    const { loop, receive, session } = setup({
      run: (_, { config }) => {
        seen.push(config)
        if (fixture.session) fixture.session.config = { color: 'red' }
        return ack
      },
    })
    fixture.session = session
    receive(createDelivery(), createDelivery())
    await loop()
    expect(seen).to.deep.equal([{}, { color: 'red' }])
  })

  describe('after the abort', () => {
    it('records no outcome, since it may be the doing of the abort', async () => {
      const { loop, receive, recorded, session } = setup({
        run: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(retry('aborted')))),
      })
      receive(createDelivery())
      const done = loop()
      session.abort.abort()
      await done
      expect(recorded).to.deep.equal([])
    })

    it('takes no other delivery', async () => {
      const { loop, receive, ran, session } = setup({
        run: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(ack))),
      })
      receive(createDelivery(), createDelivery())
      const done = loop()
      session.abort.abort()
      await done
      expect(ran).to.have.length(1)
    })

    it('runs nothing that a look-up has held up', async () => {
      const { loop, receive, ran, session } = setup({ lookUp: () => turn().then(() => undefined) })
      receive(createDelivery({ redelivered: true }))
      const done = loop()
      session.abort.abort()
      await done
      expect(ran).to.deep.equal([])
    })
  })

  describe('a redelivered message', () => {
    it('is looked up before its handler runs, when running twice makes a difference', async () => {
      const chosen = { id: '0f3c1e7b-7b7a-4c3e-9a55-0f2b6f3c0001' as MessageId }
      for (const again of [{ redelivered: true }, { attempt: 2 }, chosen]) {
        const asked: Delivery[] = []
        const { loop, receive, ran, recorded } = setup({ lookUp: async (delivery) => void asked.push(delivery) as undefined })
        receive(createDelivery(again))
        await loop()
        expect([asked.length, ran.length, recorded.length]).to.deep.equal([1, 1, 1])
      }
    })

    it('runs at once when its handler is idempotent, as does every first delivery', async () => {
      const lookUp = () => Promise.reject(new Error('nobody asks'))
      const idempotent = setup({ idempotent: true, lookUp })
      idempotent.receive(createDelivery({ redelivered: true }))
      await idempotent.loop()
      const first = setup({ lookUp })
      first.receive(createDelivery())
      await first.loop()
      expect([idempotent.recorded.length, first.recorded.length]).to.deep.equal([1, 1])
    })

    it('waits while an earlier run of the same message has not been recorded', async () => {
      const first = setup({ lookUp: async () => ({ status: 'processed', attempts: 1 }) })
      const delivery = createDelivery()
      first.receive(delivery)
      await first.loop()
      first.receive({ ...delivery, redelivered: true, tag: delivery.tag + 1 })
      const second = first.loop()
      await new Promise((resolve) => setTimeout(resolve, 120))
      expect(first.ran).to.deep.equal([delivery])
      expect(first.settled).to.deep.equal([])
      first.recorded[0]?.onSettled?.()
      await second
      expect(first.ran).to.deep.equal([delivery])
      expect(first.settled).to.deep.equal(['ack'])
    })

    it('is acknowledged without a run when its row is closed, or counts this attempt already', async () => {
      const settledBy: readonly (readonly [RecordedStatus, number])[] = [
        [{ status: 'processed', attempts: 1 }, 2],
        [{ status: 'failed', attempts: 1 }, 2],
        [{ status: 'retrying', attempts: 2 }, 1],
        [{ status: 'retrying', attempts: 2 }, 2],
      ]
      for (const [status, attempt] of settledBy) {
        const { loop, receive, ran, recorded, settled, counts, session } = setup({ lookUp: async () => status })
        receive(createDelivery({ redelivered: true, attempt }))
        await loop()
        expect(ran).to.deep.equal([])
        expect(recorded).to.deep.equal([])
        expect(settled).to.deep.equal(['ack'])
        expect(counts).to.deep.equal(['duplicate'])
        expect(session.inFlight).to.equal(0)
      }
    })

    it('runs when its row is being retried after an earlier attempt', async () => {
      const { loop, receive, ran, recorded } = setup({ lookUp: async () => ({ status: 'retrying', attempts: 2 }) })
      receive(createDelivery({ redelivered: true, attempt: 3 }))
      await loop()
      expect([ran.length, recorded.length]).to.deep.equal([1, 1])
    })

    it('waits in the mailbox, and the database is reported away, when nobody can tell', async () => {
      const { loop, receive, ran, away, session } = setup({ lookUp: () => Promise.reject(new Error('connection refused')) })
      receive(createDelivery({ redelivered: true }))
      await loop()
      expect(away).to.deep.equal(['connection refused'])
      expect(ran).to.deep.equal([])
      expect(session).to.deep.include({ inFlight: 1 })
      expect(session.mailbox.size).to.equal(1)
    })
  })

  it('stops when the session has ended', async () => {
    const { loop, receive, ran, session } = setup()
    receive(createDelivery())
    session.end()
    await loop()
    expect(ran).to.deep.equal([])
  })
})
