import { expect } from 'chai'
import fc from 'fast-check'
import { createMailbox } from '../../../src/core/mailbox.ts'
import type { Delivery, Priority } from '../../../src/core/message.ts'
import { createDelivery } from '../../actors/support/samples.ts'

type Step = { readonly put: Priority } | 'take' | 'wait' | 'leave' | 'shut' | 'open' | 'empty'

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ put: fc.constantFrom<Priority>(0, 1, 2) }), weight: 5 },
  { arbitrary: fc.constant<Step>('take'), weight: 3 },
  { arbitrary: fc.constant<Step>('wait'), weight: 3 },
  { arbitrary: fc.constantFrom<Step>('leave', 'shut', 'open', 'empty'), weight: 2 },
)

const inOrder = (deliveries: readonly Delivery[]): readonly Delivery[] =>
  deliveries.toSorted((a, b) => b.priority - a.priority || a.tag - b.tag)

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
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const mailbox = createMailbox()
        const waiting: (() => void)[] = []
        let held: Delivery[] = []
        let isOpen = true
        const taken: Delivery[] = []
        const take = (): void => {
          const delivery = mailbox.take()
          expect(delivery).to.equal(isOpen ? inOrder(held)[0] : undefined)
          if (!delivery) return
          held = held.filter((each) => each !== delivery)
          taken.push(delivery)
        }
        for (const each of steps) {
          if (typeof each === 'object') {
            const delivery = createDelivery({ priority: each.put })
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
})
