/** What every Broker adapter does, whatever it is made of. */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { AppError } from '../../src/core/errors.ts'
import type { MessageId, TenantId } from '../../src/core/ids.ts'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../src/core/ids.ts'
import type { Delivery, OutboundMessage } from '../../src/core/message.ts'
import type { Broker, BrokerConsumer, DeadLetter, DeadLetterConsumer } from '../../src/core/ports/broker.ts'
import { eventually } from '../support/eventually.ts'

export interface BrokerContractBounds {
  readonly maxInFlightPublishes?: number
  readonly maxInFlightPerTenant?: number
}

/** One installation of the broker: all brokers made of it see the same queues. */
export interface BrokerInstallation {
  /** A broker that is not connected. Without bounds, thousands of publishes may be in flight. */
  createBroker(bounds?: BrokerContractBounds): Broker
  /** Puts something into the tenant's queue that is not a message and has this body. Resolves when it is there. */
  putForeign(tenantId: TenantId, body: string): Promise<void>
  /** Removes what the installation left behind. The brokers are closed by then. */
  dispose(): Promise<void>
}

const closeDeadlineMs = 5_000

/** Runs the contract. `setup` is called once; the tests share what it makes, each with tenants of its own. */
export function describeBrokerContract(name: string, setup: () => Promise<BrokerInstallation>): void {
  describe(`broker contract: ${name}`, function () {
    this.timeout(60_000)
    let installation: BrokerInstallation
    let broker: Broker
    let opened: Broker[]
    let tenants: TenantId[]

    before(async () => {
      installation = await setup()
    })
    after(async () => {
      await installation.dispose()
    })
    beforeEach(async () => {
      opened = []
      tenants = []
      broker = await open()
    })
    afterEach(async () => {
      const cleaner = await open()
      for (const tenant of tenants) await cleaner.deleteTenant(tenant)
      for (const each of opened) await each.close(closeDeadlineMs)
    })

    async function open(bounds?: BrokerContractBounds): Promise<Broker> {
      const created = installation.createBroker(bounds)
      opened.push(created)
      await created.connect(AbortSignal.timeout(30_000))
      return created
    }

    async function declared(): Promise<TenantId> {
      const tenant = newTenant()
      await broker.declareTenant(tenant)
      return tenant
    }

    function newTenant(): TenantId {
      const tenant = randomUUID() as TenantId
      tenants.push(tenant)
      return tenant
    }

    async function consume(tenant: TenantId, options: { prefetch?: number; on?: Broker; ack?: boolean } = {}): Promise<Inbox> {
      const inbox: Inbox = { deliveries: [], lost: [], consumer: undefined as unknown as BrokerConsumer }
      inbox.consumer = await (options.on ?? broker).openConsumer(tenant, {
        consumerTag: `contract-${randomUUID()}`,
        prefetch: options.prefetch ?? 100,
        onDelivery: (delivery) => {
          inbox.deliveries.push(delivery)
          if (options.ack) inbox.consumer.ack(delivery)
        },
        onLost: (reason) => inbox.lost.push(reason),
      })
      await inbox.consumer.start()
      return inbox
    }

    async function collect(tenant: TenantId, options: { store?: DeadLetterStore; on?: Broker } = {}): Promise<Letters> {
      const letters: Letters = { received: [], lost: [], consumer: undefined as unknown as DeadLetterConsumer }
      letters.consumer = await (options.on ?? broker).openDeadLetters(tenant, {
        onDeadLetter: async (letter) => {
          letters.received.push(letter)
          await options.store?.(letter)
        },
        onLost: (reason) => letters.lost.push(reason),
      })
      return letters
    }

    /** A tenant whose consumer has met these bodies and could not read them. */
    async function withDeadLetters(...bodies: string[]): Promise<TenantId> {
      const tenant = await declared()
      await bury(tenant, ...bodies)
      await depthIs(tenant, { dlq: bodies.length })
      return tenant
    }

    /** Its consumer stays: one that is closed gives back what it has not met yet. */
    async function bury(tenant: TenantId, ...bodies: string[]): Promise<void> {
      for (const body of bodies) await installation.putForeign(tenant, body)
      await consume(tenant)
    }

    const depthIs = (tenant: TenantId, expected: { ready?: number; dlq?: number }) =>
      eventually(async () => expect(await broker.depth(tenant)).to.include(expected))

    describe('publishing', () => {
      it('delivers every field as it was published', async () => {
        const tenant = await declared()
        const sent: OutboundMessage[] = [
          message(tenant, { type: 'plain', body: '{"a":1}' }),
          message(tenant, {
            type: 'ünï.cödé',
            body: JSON.stringify({ text: 'Grüße 🎉 「日本語」', quote: `"'\\ \n\t \u0001` }),
            key: 'schlüssel "1"',
          }),
          message(tenant, { type: 'urgent', priority: 2, attempt: 7, key: 'k', createdAtMs: 1_700_000_000_123, body: 'null' }),
          message(tenant, { type: 'again', createdAtMs: 1_700_000_000_000, readyAtMs: 1_700_000_060_000, attempt: 9, firstAttempt: 6 }),
          message(tenant, { type: 'high', priority: 1, body: '  {"kept": "as it is",  "n": 1.0e3 }' }),
          message(tenant, { type: 'escape', body: '"\\u0000 and \\ud800"' }),
        ]
        for (const each of sent) await broker.publish(each)
        const { deliveries } = await consume(tenant)
        await eventually(() => expect(deliveries).to.have.length(sent.length))
        expect(deliveries.map(toMessage).sort(byId)).to.deep.equal(sent.sort(byId))
        expect(deliveries.map((delivery) => delivery.redelivered)).to.deep.equal(sent.map(() => false))
      })

      it('delivers a body of 500 KB', async () => {
        const tenant = await declared()
        const body = JSON.stringify({ text: '0123456789 äöü 🎉 '.repeat(23_000) })
        expect(Buffer.byteLength(body)).to.be.greaterThan(500_000)
        await broker.publish(message(tenant, { body }))
        const { deliveries } = await consume(tenant)
        await eventually(() => expect(deliveries).to.have.length(1))
        expect(deliveries[0]?.text()).to.equal(body)
      })

      it('has the message in the queue when publish resolves', async () => {
        const tenant = await declared()
        await broker.publish(message(tenant))
        const other = await open()
        await eventually(async () => expect(await other.depth(tenant)).to.include({ ready: 1, dlq: 0 }))
      })

      it('delivers to a consumer that waits already', async () => {
        const tenant = await declared()
        const { deliveries } = await consume(tenant, { ack: true })
        for (let sent = 1; sent <= 5; sent++) {
          await broker.publish(message(tenant))
          await eventually(() => expect(deliveries).to.have.length(sent))
        }
      })

      it('delivers what another node published', async () => {
        const tenant = await declared()
        const { deliveries } = await consume(tenant, { ack: true })
        await (await open()).publish(message(tenant))
        await eventually(() => expect(deliveries).to.have.length(1))
      })

      it('publishes to a queue that another node declared', async () => {
        const tenant = newTenant()
        await (await open()).declareTenant(tenant)
        await broker.publish(message(tenant))
        await depthIs(tenant, { ready: 1 })
      })

      it('confirms a message that is published twice, and delivers it at least once', async () => {
        const tenant = await declared()
        const twice = message(tenant)
        await broker.publish(twice)
        await broker.publish(twice)
        await Promise.all([broker.publish(twice), broker.publish(twice)])
        const { deliveries } = await consume(tenant)
        await eventually(() => expect(deliveries).to.not.be.empty)
        expect(deliveries.every((delivery) => delivery.id === twice.id)).to.equal(true)
      })

      it('keeps a message that is published again while its first delivery is being acknowledged', async () => {
        const tenant = await declared()
        const inbox = await consume(tenant)
        const first = message(tenant)
        await broker.publish(first)
        const delivery = await eventually(() => one(inbox.deliveries))
        inbox.consumer.ack(delivery)
        await broker.publish({ ...first, attempt: 2 })
        await eventually(() => expect(inbox.deliveries.map((each) => each.attempt)).to.deep.equal([1, 2]))
      })

      it('publishes a batch of 1,000', async () => {
        const tenant = await declared()
        const batch = many(tenant, 1_000)
        await broker.publishBatch(batch)
        const { deliveries } = await consume(tenant, { prefetch: 300, ack: true })
        await eventually(() => expect(deliveries).to.have.length(1_000))
        expect(ids(deliveries)).to.deep.equal(ids(batch))
      })

      it('publishes an empty batch', async () => {
        await declared()
        await broker.publishBatch([])
      })

      it('delivers each of 200 concurrent publishes once', async () => {
        const tenant = await declared()
        const { deliveries } = await consume(tenant, { prefetch: 20, ack: true })
        const sent = many(tenant, 200)
        await Promise.all(sent.map((each) => broker.publish(each)))
        await eventually(() => expect(deliveries).to.have.length(200))
        await depthIs(tenant, { ready: 0 })
        expect(ids(deliveries)).to.deep.equal(ids(sent))
      })

      it('refuses what does not fit in the window, and confirms the rest', async () => {
        const bounded = await open({ maxInFlightPublishes: 5 })
        const tenant = await declared()
        const results = await Promise.allSettled(many(tenant, 50).map((each) => bounded.publish(each)))
        const refused = results.filter((result) => result.status === 'rejected').map((result) => result.reason)
        expect(refused).to.have.length.within(1, 45)
        expect(refused.map(codeOf)).to.deep.equal(refused.map(() => 'broker.window_full'))
        await depthIs(tenant, { ready: 50 - refused.length })
        await bounded.publish(message(tenant))
      })

      it('keeps room for the other tenants when one publishes too much at once', async () => {
        const bounded = await open({ maxInFlightPublishes: 50, maxInFlightPerTenant: 5 })
        const [flooding, other] = [await declared(), await declared()]
        const flood = many(flooding, 60).map((each) => codeFrom(bounded.publish(each)))
        await Promise.all(many(other, 5).map((each) => bounded.publish(each)))
        const codes = await Promise.all(flood)
        expect(codes.slice(0, 5)).to.deep.equal(Array(5).fill('it resolved'))
        expect(codes).to.include('broker.window_full')
        await depthIs(flooding, { ready: codes.filter((code) => code === 'it resolved').length })
        await depthIs(other, { ready: 5 })
      })

      it('publishes a large batch that can wait beside live publishes, and refuses none of them', async () => {
        const bounded = await open({ maxInFlightPublishes: 40, maxInFlightPerTenant: 8 })
        const tenant = await declared()
        let isDone = false
        const live = Array.from({ length: 8 }, async () => {
          let sent = 0
          for (; !isDone; sent++) await bounded.publish(message(tenant))
          return sent
        })
        const batches = Promise.all([1, 2].map(() => bounded.publishBatch(many(tenant, 50), { patience: AbortSignal.timeout(40_000) })))
        await batches.finally(() => {
          isDone = true
        })
        const sent = (await Promise.all(live)).reduce((sum, count) => sum + count)
        await depthIs(tenant, { ready: 100 + sent })
      })

      it('rejects with queue.missing for a tenant that was not declared', async () => {
        const tenant = newTenant()
        expect(await codeFrom(broker.publish(message(tenant)))).to.equal('queue.missing')
        expect(await codeFrom(broker.publishBatch(many(tenant, 3)))).to.equal('queue.missing')
      })

      it('rejects with queue.missing for a tenant that was deleted, by this node or another', async () => {
        const [mine, theirs] = [await declared(), await declared()]
        for (const tenant of [mine, theirs]) await broker.publish(message(tenant))
        await broker.deleteTenant(mine)
        await (await open()).deleteTenant(theirs)
        for (const tenant of [mine, theirs]) expect(await codeFrom(broker.publish(message(tenant)))).to.equal('queue.missing')
      })

      it('publishes again to a tenant that was deleted and declared again', async () => {
        const tenant = await declared()
        await broker.publish(message(tenant))
        await broker.deleteTenant(tenant)
        await broker.declareTenant(tenant)
        await broker.publish(message(tenant))
        await depthIs(tenant, { ready: 1, dlq: 0 })
      })
    })

    describe('consuming', () => {
      it('numbers deliveries from 1 without gaps', async () => {
        const tenant = await declared()
        await broker.publishBatch(many(tenant, 50))
        const { deliveries } = await consume(tenant, { ack: true, prefetch: 7 })
        await eventually(() => expect(deliveries).to.have.length(50))
        expect(deliveries.map((delivery) => delivery.tag)).to.deep.equal(Array.from({ length: 50 }, (_, index) => index + 1))
      })

      it('receives nothing before start', async () => {
        const tenant = await declared()
        await broker.publish(message(tenant))
        const received: Delivery[] = []
        const consumer = await broker.openConsumer(tenant, {
          consumerTag: `contract-${randomUUID()}`,
          prefetch: 10,
          onDelivery: (delivery) => received.push(delivery),
          onLost: () => undefined,
        })
        await depthIs(tenant, { ready: 1 })
        expect(received).to.be.empty
        await consumer.start()
        await eventually(() => expect(received).to.have.length(1))
      })

      it('has no more than the prefetch unsettled', async () => {
        const tenant = await declared()
        await broker.publishBatch(many(tenant, 20))
        const inbox = await consume(tenant, { prefetch: 4 })
        await eventually(() => expect(inbox.deliveries).to.have.length(4))
        await depthIs(tenant, { ready: 16 })
        expect(inbox.deliveries).to.have.length(4)
        for (const delivery of inbox.deliveries.slice(0, 3)) inbox.consumer.ack(delivery)
        await depthIs(tenant, { ready: 13 })
        await eventually(() => expect(inbox.deliveries).to.have.length(7))
      })

      it('forgets what is acknowledged', async () => {
        const tenant = await declared()
        await broker.publishBatch(many(tenant, 30))
        const first = await consume(tenant, { ack: true })
        await eventually(() => expect(first.deliveries).to.have.length(30))
        await first.consumer.close()
        await depthIs(tenant, { ready: 0, dlq: 0 })
        const second = await consume(tenant, { ack: true })
        await broker.publish(message(tenant, { type: 'last' }))
        await eventually(() => expect(second.deliveries).to.not.be.empty)
        expect(second.deliveries.map((delivery) => delivery.type)).to.deep.equal(['last'])
      })

      it('gives unsettled deliveries back when it is closed, marked as redelivered', async () => {
        const tenant = await declared()
        const sent = many(tenant, 5)
        await broker.publishBatch(sent)
        const first = await consume(tenant)
        await eventually(() => expect(first.deliveries).to.have.length(5))
        await first.consumer.close()
        const second = await consume(tenant, { ack: true })
        await eventually(() => expect(second.deliveries).to.have.length(5))
        expect(ids(second.deliveries)).to.deep.equal(ids(sent))
        expect(second.deliveries.every((delivery) => delivery.redelivered)).to.equal(true)
        expect(first.lost).to.be.empty
      })

      it('gives back exactly what is not acknowledged when acknowledgements are out of order', async () => {
        const tenant = await declared()
        await broker.publishBatch(many(tenant, 6))
        const first = await consume(tenant)
        await eventually(() => expect(first.deliveries).to.have.length(6))
        const at = (tag: number) => first.deliveries.find((delivery) => delivery.tag === tag) ?? expect.fail(`no tag ${tag}`)
        for (const tag of [3, 1, 2, 5]) first.consumer.ack(at(tag))
        await first.consumer.close()
        const second = await consume(tenant, { ack: true })
        await eventually(() => expect(second.deliveries).to.have.length(2))
        expect(ids(second.deliveries)).to.deep.equal(ids([at(4), at(6)]))
        await depthIs(tenant, { ready: 0 })
      })

      it('delivers a requeued message again, marked as redelivered', async () => {
        const tenant = await declared()
        await broker.publish(message(tenant))
        const inbox = await consume(tenant)
        inbox.consumer.requeue(await eventually(() => one(inbox.deliveries)))
        await eventually(() => expect(inbox.deliveries).to.have.length(2))
        expect(inbox.deliveries.map((delivery) => delivery.redelivered)).to.deep.equal([false, true])
        expect(new Set(ids(inbox.deliveries)).size).to.equal(1)
      })

      it('settles a delivery once, whatever else is asked', async () => {
        const tenant = await declared()
        await broker.publish(message(tenant))
        const inbox = await consume(tenant)
        const delivery = await eventually(() => one(inbox.deliveries))
        inbox.consumer.ack(delivery)
        inbox.consumer.ack(delivery)
        inbox.consumer.requeue(delivery)
        await inbox.consumer.close()
        inbox.consumer.ack(delivery)
        await depthIs(tenant, { ready: 0 })
        expect(inbox.lost).to.be.empty
      })

      it('stops at cancel, still settles, and goes on at start with rising tags', async () => {
        const tenant = await declared()
        await broker.publishBatch(many(tenant, 3))
        const inbox = await consume(tenant)
        await eventually(() => expect(inbox.deliveries).to.have.length(3))
        await inbox.consumer.cancel()
        await inbox.consumer.cancel()
        await broker.publishBatch(many(tenant, 2))
        for (const delivery of inbox.deliveries) inbox.consumer.ack(delivery)
        await depthIs(tenant, { ready: 2 })
        expect(inbox.deliveries).to.have.length(3)
        await inbox.consumer.start()
        await eventually(() => expect(inbox.deliveries).to.have.length(5))
        expect(inbox.deliveries.map((delivery) => delivery.tag)).to.deep.equal([1, 2, 3, 4, 5])
        expect(inbox.deliveries.map((delivery) => delivery.redelivered)).to.deep.equal([false, false, false, false, false])
      })

      it('gives each message to one of two competing consumers', async () => {
        const tenant = await declared()
        const other = await open()
        const inboxes = [await consume(tenant, { prefetch: 5, ack: true }), await consume(tenant, { prefetch: 5, ack: true, on: other })]
        const sent = many(tenant, 300)
        for (let at = 0; at < sent.length; at += 30) await broker.publishBatch(sent.slice(at, at + 30))
        const received = () => inboxes.flatMap((inbox) => inbox.deliveries)
        await eventually(() => expect(received()).to.have.length.of.at.least(300))
        await depthIs(tenant, { ready: 0 })
        expect(ids(received())).to.deep.equal(ids(sent))
      })

      it("never gives a tenant's message to another tenant's consumer", async () => {
        const [a, b] = [await declared(), await declared()]
        const inboxes = [await consume(a, { ack: true }), await consume(b, { ack: true })] as const
        const [ofA, ofB] = [many(a, 40), many(b, 40)]
        await Promise.all([...ofA, ...ofB].map((each) => broker.publish(each)))
        for (const inbox of inboxes) await eventually(() => expect(inbox.deliveries).to.have.length(40))
        expect(ids(inboxes[0].deliveries)).to.deep.equal(ids(ofA))
        expect(ids(inboxes[1].deliveries)).to.deep.equal(ids(ofB))
        expect(inboxes[0].deliveries.every((delivery) => delivery.tenantId === a)).to.equal(true)
      })

      it('rejects with queue.missing for a queue that does not exist', async () => {
        expect(await codeFrom(consume(newTenant()))).to.equal('queue.missing')
      })

      it('tells a consumer once that its queue was deleted, by this node or another', async () => {
        const [mine, theirs] = [await declared(), await declared()]
        const inboxes = [await consume(mine), await consume(theirs)]
        await broker.deleteTenant(mine)
        await (await open()).deleteTenant(theirs)
        for (const inbox of inboxes) {
          await eventually(() => expect(inbox.lost).to.have.length(1))
          await inbox.consumer.close()
          expect(inbox.lost).to.have.length(1)
        }
      })

      it('closes twice', async () => {
        const { consumer, lost } = await consume(await declared())
        await Promise.all([consumer.close(), consumer.close()])
        await consumer.close()
        expect(lost).to.be.empty
      })
    })

    describe('tenants', () => {
      it('declares twice, also at once and by two nodes', async () => {
        const tenant = newTenant()
        const other = await open()
        await Promise.all([broker.declareTenant(tenant), other.declareTenant(tenant), broker.declareTenant(tenant)])
        await broker.publish(message(tenant))
        await broker.declareTenant(tenant)
        await depthIs(tenant, { ready: 1 })
      })

      it('counts ready, unacknowledged and dead messages', async () => {
        const tenant = await declared()
        expect(await broker.depth(tenant)).to.include({ ready: 0, dlq: 0 })
        await broker.publishBatch(many(tenant, 10))
        const inbox = await consume(tenant, { prefetch: 3 })
        await eventually(() => expect(inbox.deliveries).to.have.length(3))
        await depthIs(tenant, { ready: 7, dlq: 0 })
        expect((await broker.depth(tenant)).unacked).to.be.oneOf([3, undefined])
      })

      it('says where a message is, or that it cannot know', async () => {
        const tenant = await declared()
        const sent = [message(tenant), message(tenant), message(tenant, { priority: 2 })] as const
        for (const each of sent) await broker.publish(each)
        await broker.publishBatch(many(tenant, 20))
        const last = message(tenant)
        await broker.publish(last)
        const [normal, second, urgent] = sent
        const placesOf = async (ids: readonly MessageId[]) => Promise.all(ids.map((id) => broker.find(tenant, id)))
        if ((await broker.find(tenant, normal.id)).kind === 'unknowable') {
          const others = await placesOf([urgent.id, last.id, randomUUID() as MessageId])
          expect(others.map(({ kind }) => kind)).to.deep.equal(Array(3).fill('unknowable'))
          return
        }
        expect(await placesOf([urgent.id, normal.id, second.id, last.id])).to.deep.equal(
          [0, 1, 2, 23].map((ahead) => ({ kind: 'waiting', ahead })),
        )
        const inbox = await consume(tenant, { prefetch: 2 })
        await eventually(() => expect(inbox.deliveries).to.have.length(2))
        expect(await placesOf([urgent.id, normal.id, second.id])).to.deep.equal([
          { kind: 'delivered' },
          { kind: 'delivered' },
          { kind: 'waiting', ahead: 0 },
        ])
        const missing = { kind: 'missing' } as const
        expect(await broker.find(tenant, randomUUID() as MessageId)).to.deep.equal(missing)
        expect(await broker.find(newTenant(), last.id)).to.deep.equal(missing)
        for (const delivery of inbox.deliveries) inbox.consumer.ack(delivery)
        await eventually(async () => expect(await broker.find(tenant, urgent.id)).to.deep.equal(missing))
      })

      it('rejects with queue.missing for the depth of a queue that does not exist', async () => {
        expect(await codeFrom(broker.depth(newTenant()))).to.equal('queue.missing')
      })

      it('returns which queues a deletion removed and how many messages they held, and tolerates a second one', async () => {
        const tenant = await declared()
        const removedWith = (of: TenantId, messages: number) => {
          const [own, dead] = [tenantQueueName(of), tenantDeadLetterQueueName(of)]
          return {
            discarded: messages,
            queues: [
              { name: own, messages },
              { name: dead, messages: 0 },
            ],
          }
        }
        await broker.publishBatch(many(tenant, 12))
        await depthIs(tenant, { ready: 12 })
        expect(await broker.deleteTenant(tenant)).to.deep.equal(removedWith(tenant, 12))
        expect(await broker.deleteTenant(tenant)).to.deep.equal(removedWith(tenant, 0))
        const unknown = newTenant()
        expect(await broker.deleteTenant(unknown)).to.deep.equal(removedWith(unknown, 0))
      })
    })

    describe('dead letters', () => {
      it('hands out what nobody could read, with its bytes and the reason', async () => {
        const tenant = await withDeadLetters('ünï "not" a message')
        const { received } = await collect(tenant)
        const letter = await eventually(() => one(received))
        expect(Buffer.from(letter.body).toString()).to.equal('ünï "not" a message')
        expect(letter).to.include({ tenantId: tenant, id: undefined, type: undefined, priority: 0, key: null, attempt: 1 })
        expect(letter).to.include({ reason: 'undecodable' })
        expect(letter.detail).to.match(/id/)
        await depthIs(tenant, { ready: 0, dlq: 0 })
      })

      it('hands out what comes while it waits', async () => {
        const tenant = await declared()
        const { received } = await collect(tenant)
        await bury(tenant, 'one')
        await eventually(() => expect(bodies(received)).to.deep.equal(['one']))
        await bury(tenant, 'two')
        await eventually(() => expect(bodies(received)).to.deep.equal(['one', 'two']))
      })

      it('hands out more than it may hold, ten at a time at most', async () => {
        const names = Array.from({ length: 23 }, (_, index) => `letter ${index}`)
        const tenant = await withDeadLetters(...names)
        let atOnce = 0
        let most = 0
        const { received } = await collect(tenant, {
          store: async () => {
            most = Math.max(most, ++atOnce)
            await new Promise((resolve) => setImmediate(resolve))
            atOnce--
          },
        })
        await eventually(() => expect(bodies(received).sort()).to.deep.equal(names.toSorted()))
        expect(most).to.be.within(1, 10)
        await depthIs(tenant, { dlq: 0 })
      })

      it('hands out again what could not be stored, until it is', async () => {
        const tenant = await withDeadLetters('stubborn')
        let failures = 0
        const { received } = await collect(tenant, {
          store: async () => {
            if (++failures <= 2) throw new Error('the store is away')
          },
        })
        await eventually(() => expect(bodies(received)).to.deep.equal(['stubborn', 'stubborn', 'stubborn']), { timeoutMs: 20_000 })
        // The first may be marked too: a broker may count the deliveries of the queue where it came from.
        expect(received.slice(1).map((letter) => letter.redelivered)).to.deep.equal([true, true])
        await depthIs(tenant, { dlq: 0 })
      })

      it('goes on with the others while one waits to be handed out again', async () => {
        const tenant = await withDeadLetters('bad', 'good')
        const { received, consumer } = await collect(tenant, {
          store: async (letter) => {
            if (Buffer.from(letter.body).toString() === 'bad') throw new Error('it cannot be stored')
          },
        })
        await eventually(() => expect(bodies(received)).to.include.members(['bad', 'good']))
        await consumer.close()
        const again = await collect(tenant)
        await eventually(() => expect(bodies(again.received)).to.deep.equal(['bad']))
      })

      it('forgets what is stored, and keeps the rest when it is closed', async () => {
        const tenant = await withDeadLetters('stored', 'not stored', 'being stored')
        const closing = Promise.withResolvers<void>()
        const first = await collect(tenant, {
          store: async (letter) => {
            const body = Buffer.from(letter.body).toString()
            if (body === 'not stored') throw new Error('the store is away')
            if (body === 'being stored') await closing.promise
          },
        })
        await eventually(() => expect(bodies(first.received)).to.include.members(['stored', 'not stored', 'being stored']))
        const closed = first.consumer.close()
        closing.reject(new Error('the store is away'))
        await closed
        const second = await collect(tenant)
        await eventually(() => expect(bodies(second.received).sort()).to.deep.equal(['being stored', 'not stored']))
        expect(second.received.every((letter) => letter.redelivered)).to.equal(true)
        await depthIs(tenant, { dlq: 0 })
        expect([...first.lost, ...second.lost]).to.be.empty
      })

      it('removes what is stored while it closes', async () => {
        const tenant = await withDeadLetters('being stored')
        const storing = Promise.withResolvers<void>()
        const first = await collect(tenant, { store: () => storing.promise })
        await eventually(() => one(first.received))
        const closed = first.consumer.close()
        storing.resolve()
        await closed
        await depthIs(tenant, { dlq: 0 })
      })

      it('gives everything back when the broker is closed', async () => {
        const tenant = await withDeadLetters('kept')
        const first = await collect(tenant, { store: () => Promise.reject(new Error('the store is away')) })
        await eventually(() => one(first.received))
        await broker.close(closeDeadlineMs)
        expect(first.lost).to.be.empty
        const second = await collect(tenant, { on: await open() })
        await eventually(() => expect(bodies(second.received)).to.deep.equal(['kept']))
      })

      it('serves many tenants at once, each its own', async () => {
        const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => withDeadLetters(`of ${name}`)))
        const letters = await Promise.all(all.map((tenant) => collect(tenant)))
        await eventually(() =>
          expect(letters.map(({ received }) => bodies(received))).to.deep.equal([['of a'], ['of b'], ['of c'], ['of d']]),
        )
        expect(letters.map(({ received }) => received[0]?.tenantId)).to.deep.equal(all)
        await letters[0]?.consumer.close()
        await bury(all[1] ?? expect.fail('no tenant'), 'later')
        await eventually(() => expect(bodies(letters[1]?.received ?? [])).to.deep.equal(['of b', 'later']))
      })

      it('is told once that the queue was deleted, by this node or another, and no other tenant is', async () => {
        const [mine, theirs, other] = [await declared(), await declared(), await declared()]
        const [a, b, c] = [await collect(mine), await collect(theirs), await collect(other)]
        await broker.deleteTenant(mine)
        await (await open()).deleteTenant(theirs)
        for (const letters of [a, b]) {
          await eventually(() => expect(letters.lost).to.have.length(1))
          await letters.consumer.close()
          expect(letters.lost).to.have.length(1)
        }
        await bury(other, 'still served')
        await eventually(() => expect(bodies(c.received)).to.deep.equal(['still served']))
        expect(c.lost).to.be.empty
      })

      it('rejects with queue.missing for a queue that does not exist', async () => {
        const served = await declared()
        const letters = await collect(served)
        expect(await codeFrom(collect(newTenant()))).to.equal('queue.missing')
        await bury(served, 'still served')
        await eventually(() => expect(bodies(letters.received)).to.deep.equal(['still served']))
      })

      it('closes twice', async () => {
        const { consumer, lost } = await collect(await declared())
        await Promise.all([consumer.close(), consumer.close()])
        await consumer.close()
        expect(lost).to.be.empty
      })
    })

    describe('living and ending', () => {
      it('keeps messages when the broker is closed', async () => {
        const tenant = await declared()
        const sent = many(tenant, 20)
        await broker.publishBatch(sent)
        const first = await consume(tenant)
        await eventually(() => expect(first.deliveries).to.have.length(20))
        for (const delivery of first.deliveries.slice(0, 5)) first.consumer.ack(delivery)
        await broker.close(closeDeadlineMs)
        expect(first.lost).to.be.empty
        const second = await consume(tenant, { on: await open(), ack: true })
        await eventually(() => expect(second.deliveries).to.have.length(15))
        expect(ids(second.deliveries)).to.deep.equal(ids(first.deliveries.slice(5)))
      })

      it('closes twice, and without having been connected', async () => {
        await broker.close(closeDeadlineMs)
        await broker.close(closeDeadlineMs)
        await installation.createBroker().close(closeDeadlineMs)
      })

      it('waits for outstanding confirms when it is closed', async () => {
        const tenant = await declared()
        const publishing = Promise.all(many(tenant, 50).map((each) => broker.publish(each)))
        await broker.close(closeDeadlineMs)
        await publishing
        broker = await open()
        await depthIs(tenant, { ready: 50 })
      })

      it('rejects with broker.unavailable before connect and after close', async () => {
        const unconnected = installation.createBroker()
        expect(await codeFrom(unconnected.publish(message(newTenant())))).to.equal('broker.unavailable')
        await broker.close(closeDeadlineMs)
        expect(await codeFrom(broker.publish(message(newTenant())))).to.equal('broker.unavailable')
        expect(await codeFrom(broker.declareTenant(newTenant()))).to.equal('broker.unavailable')
      })

      it('does not connect when the signal is aborted', async () => {
        expect(await codeFrom(installation.createBroker().connect(AbortSignal.abort()))).to.equal('broker.unavailable')
      })
    })
  })
}

interface Inbox {
  readonly deliveries: Delivery[]
  readonly lost: string[]
  consumer: BrokerConsumer
}

interface Letters {
  readonly received: DeadLetter[]
  readonly lost: string[]
  consumer: DeadLetterConsumer
}

type DeadLetterStore = (letter: DeadLetter) => Promise<void>

const bodies = (letters: readonly DeadLetter[]): string[] => letters.map((letter) => Buffer.from(letter.body).toString())

function message(tenantId: TenantId, fields: Partial<OutboundMessage> = {}): OutboundMessage {
  const id = randomUUID() as MessageId
  const { createdAtMs = Date.now() } = fields
  const defaults = { type: 'test', priority: 0, key: null, readyAtMs: createdAtMs, attempt: 1, firstAttempt: 1, body: '{}' } as const
  return { tenantId, id, createdAtMs, ...defaults, ...fields }
}

const many = (tenant: TenantId, count: number): OutboundMessage[] =>
  Array.from({ length: count }, (_, index) => message(tenant, { body: JSON.stringify({ index }) }))

const ids = (items: readonly { readonly id: MessageId }[]): MessageId[] => items.map((item) => item.id).sort()

const byId = (a: OutboundMessage, b: OutboundMessage): number => (a.id < b.id ? -1 : 1)

function one<T>(items: readonly T[]): T {
  if (items.length !== 1 || items[0] === undefined) throw new Error(`${items.length} items, not 1`)
  return items[0]
}

function toMessage(delivery: Delivery): OutboundMessage {
  const { tenantId, id, type, priority, key, createdAtMs, readyAtMs, attempt, firstAttempt } = delivery
  return { tenantId, id, type, priority, key, createdAtMs, readyAtMs, attempt, firstAttempt, body: delivery.text() }
}

const codeOf = (error: unknown): string => (error instanceof AppError ? error.code : `not an AppError: ${String(error)}`)

async function codeFrom(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'it resolved', codeOf)
}
