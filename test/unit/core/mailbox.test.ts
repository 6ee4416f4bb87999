import { expect } from 'chai'
import fc from 'fast-check'
import { createMailbox } from '../../../src/core/mailbox.ts'
import type { Delivery, Priority } from '../../../src/core/message.ts'
import { createDelivery } from '../../actors/support/samples.ts'

type Step = { readonly put: Priority; readonly attempt: number } | 'take' | 'wait' | 'leave' | 'shut' | 'open' | 'empty'

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ put: fc.constantFrom<Priority>(0, 1, 2), attempt: fc.integer({ min: 1, max: 3 }) }), weight: 5 },
  { arbitrary: fc.constant<Step>('take'), weight: 3 },
  { arbitrary: fc.constant<Step>('wait'), weight: 3 },
  { arbitrary: fc.constantFrom<Step>('leave', 'shut', 'open', 'empty'), weight: 2 },
)

const share = fc.double({ min: 0.01, max: 1, noNaN: true })

const isRetry = ({ attempt }: Delivery): boolean => attempt > 1

/** New ones by priority, then by arrival; retries by arrival, whatever their priority. */
const inOrder = (deliveries: readonly Delivery[]): readonly Delivery[] => [
  ...deliveries.filter((each) => !isRetry(each)).toSorted((a, b) => b.priority - a.priority || a.tag - b.tag),
  ...deliveries.filter(isRetry).toSorted((a, b) => a.tag - b.tag),
]

describe('createMailbox', () => {
  it('gives the most urgent delivery first, and of equals the oldest', () => {
    const mailbox = createMailbox()
    const [normal, urgent, high, later] = ([0, 2, 1, 2] as const).map((priority) => createDelivery({ priority }))
    for (const each of [normal, urgent, high, later]) if (each) mailbox.put(each)
    expect([1, 2, 3, 4, 5].map(() => mailbox.take())).to.deep.equal([urgent, later, high, normal, undefined])
  })

  it('gives nothing while it is shut, and keeps what arrives', () => {
    const mailbox = createMailbox()
    mailbox.shut()
    mailbox.put(createDelivery())
    expect(mailbox.take()).to.equal(undefined)
    expect(mailbox.hasWork()).to.equal(false)
    expect(mailbox.size).to.equal(1)
    mailbox.open()
    expect(mailbox.hasWork()).to.equal(true)
  })

  it('calls nobody back who has unregistered, and nobody twice', () => {
    const mailbox = createMailbox()
    const calls: string[] = []
    const leave = mailbox.whenReady(() => calls.push('gone'))
    mailbox.whenReady(() => calls.push('here'))
    leave()
    leave()
    mailbox.put(createDelivery())
    mailbox.put(createDelivery())
    expect(calls).to.deep.equal(['here'])
  })

  // Workers take when they are called, as real ones do: then a lost wake-up shows as work beside a waiting worker.
  it('never leaves a worker waiting beside a delivery that can be taken', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), share, (steps, retryShare) => {
        const mailbox = createMailbox(retryShare)
        const waiting: (() => void)[] = []
        let held: Delivery[] = []
        let isOpen = true
        const taken: Delivery[] = []
        const take = (): void => {
          const delivery = mailbox.take()
          const next = inOrder(held)
          // The first of either kind: whose turn it is, is another property.
          const heads = isOpen ? [next.find((each) => !isRetry(each)), next.find(isRetry)].filter((each) => each !== undefined) : []
          if (heads.length === 0) expect(delivery).to.equal(undefined)
          else expect(heads).to.include(delivery)
          if (!delivery) return
          held = held.filter((each) => each !== delivery)
          taken.push(delivery)
        }
        for (const each of steps) {
          if (typeof each === 'object') {
            const delivery = createDelivery({ priority: each.put, attempt: each.attempt })
            held.push(delivery)
            mailbox.put(delivery)
          } else if (each === 'take') take()
          else if (each === 'wait' && !mailbox.hasWork()) {
            const leave = mailbox.whenReady(() => {
              waiting.splice(waiting.indexOf(leave), 1)
              take()
            })
            waiting.push(leave)
          } else if (each === 'leave') waiting.shift()?.()
          else if (each === 'shut') {
            isOpen = false
            mailbox.shut()
          } else if (each === 'open') {
            isOpen = true
            mailbox.open()
          } else if (each === 'empty') {
            expect(mailbox.empty()).to.deep.equal(inOrder(held))
            held = []
          }
          expect(mailbox.size).to.equal(held.length)
          expect(waiting.length === 0 || !mailbox.hasWork()).to.equal(true)
        }
        expect(new Set(taken).size).to.equal(taken.length)
      }),
    )
  })

  describe('with retries', () => {
    const fill = (mailbox: ReturnType<typeof createMailbox>, fresh: number, retries: number): void => {
      for (let each = 0; each < fresh; each++) mailbox.put(createDelivery())
      for (let each = 0; each < retries; each++) mailbox.put(createDelivery({ attempt: 2 }))
    }
    const take = (mailbox: ReturnType<typeof createMailbox>, count: number): readonly number[] =>
      Array.from({ length: count }, () => mailbox.take()?.attempt ?? 0)

    it('gives them every n-th turn while new messages wait, and all turns when none does', () => {
      const mailbox = createMailbox(0.25)
      fill(mailbox, 6, 4)
      expect(take(mailbox, 11)).to.deep.equal([1, 1, 1, 2, 1, 1, 1, 2, 2, 2, 0])
    })

    it('gives them their share, no less and no more, however long both wait', () => {
      fc.assert(
        fc.property(share, fc.integer({ min: 1, max: 600 }), (retryShare, turns) => {
          const mailbox = createMailbox(retryShare)
          fill(mailbox, turns, turns)
          const retries = take(mailbox, turns).filter((attempt) => attempt === 2).length
          expect(retries).to.be.within(Math.floor(turns * retryShare - 1e-6), Math.floor(turns * retryShare + 1e-6))
        }),
      )
    })

    it('keeps nobody waiting: new messages get turns under a flood of retries, and retries under a flood of urgent ones', () => {
      const mailbox = createMailbox(0.1)
      fill(mailbox, 3, 500)
      expect(take(mailbox, 4).filter((attempt) => attempt === 1)).to.have.length(3)
      const urgent = createMailbox(0.1)
      fill(urgent, 0, 1)
      for (let each = 0; each < 100; each++) urgent.put(createDelivery({ priority: 2 }))
      expect(take(urgent, 11)).to.include(2)
    })

    it('knows how many are taken before a message, whatever is mixed, for as long as nothing comes', () => {
      const arrivals = fc.array(fc.record({ priority: fc.constantFrom<Priority>(0, 1, 2), attempt: fc.integer({ min: 1, max: 2 }) }), {
        maxLength: 30,
      })
      fc.assert(
        fc.property(share, arrivals, fc.nat(10), fc.boolean(), (retryShare, all, takenBefore, mayRetry) => {
          const mailbox = createMailbox(retryShare, () => mayRetry)
          for (const each of all) mailbox.put(createDelivery(each))
          const deliveries = all.map((each) => createDelivery(each))
          for (const each of deliveries) mailbox.put(each)
          for (let turn = 0; turn < takenBefore; turn++) mailbox.take()
          const told = new Map(deliveries.map(({ id }) => [id, mailbox.ahead(id)]))
          const taken: Delivery[] = []
          for (let next = mailbox.take(); next; next = mailbox.take()) taken.push(next)
          for (const [index, { id }] of taken.entries()) if (told.has(id)) expect(told.get(id)).to.equal(index)
          for (const { id } of taken) expect(mailbox.ahead(id)).to.equal(undefined)
        }),
        { numRuns: 60 },
      )
    })

    it('saves up no turns while it has none to give', () => {
      const mailbox = createMailbox(0.5)
      fill(mailbox, 50, 0)
      take(mailbox, 40)
      fill(mailbox, 0, 20)
      take(mailbox, 2)
      fill(mailbox, 50, 0)
      expect(take(mailbox, 10).filter((attempt) => attempt === 2)).to.have.length(5)
    })
  })
})
