import { expect } from 'chai'
import { AppError, type ErrorScope } from '../../../src/core/errors.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import { type Admitted, createPublishWindow, type WindowLimits } from '../../../src/core/publish-window.ts'

const [a, b] = ['a', 'b'] as TenantId[] as [TenantId, TenantId]
const limits: WindowLimits = { maxInFlight: 5, maxInFlightPerTenant: 3, maxInFlightBytes: 1_000 }

/** Of the tenant, `count` messages with so many bytes each. */
type Some = readonly [tenantId: TenantId, count: number, bytes: number]

const some = ([tenantId, count, bytes]: Some): OutboundMessage[] => Array.from({ length: count }, () => createMessage(tenantId, bytes))

describe('createPublishWindow', () => {
  const table: readonly { name: string; inside: readonly Some[]; ask: Some; full?: ErrorScope }[] = [
    { name: 'room', inside: [], ask: [a, 1, 10] },
    { name: "the tenant's last place", inside: [[a, 2, 1]], ask: [a, 1, 1] },
    { name: 'no place of the tenant', inside: [[a, 3, 1]], ask: [a, 1, 1], full: 'tenant' },
    { name: "another tenant's place", inside: [[a, 3, 1]], ask: [b, 1, 1] },
    {
      name: 'no place of the node',
      inside: [
        [a, 3, 1],
        [b, 2, 1],
      ],
      ask: [b, 1, 1],
      full: 'process',
    },
    { name: 'the last byte', inside: [[a, 1, 900]], ask: [b, 1, 100] },
    { name: 'a byte too many', inside: [[a, 1, 900]], ask: [b, 1, 101], full: 'process' },
    { name: 'a batch over all limits when nothing is inside', inside: [], ask: [a, 100, 100] },
    { name: 'a batch over the limits beside another', inside: [[b, 1, 1]], ask: [a, 100, 0], full: 'process' },
    { name: 'nothing', inside: [[a, 3, 1]], ask: [a, 0, 0] },
  ]
  for (const { name, inside, ask, full } of table) {
    it(`${name}: ${full ? `is full, scope ${full}` : 'is taken'}`, () => {
      const window = createPublishWindow(limits)
      for (const each of inside) window.take(some(each))
      expect(scopeOf(() => window.take(some(ask)))).to.equal(full)
    })
  }

  it('counts bytes, not characters', () => {
    const window = createPublishWindow(limits)
    window.take([{ ...createMessage(a, 0), body: 'ü'.repeat(500) }])
    expect(scopeOf(() => window.take(some([b, 1, 1])))).to.equal('process')
  })

  it('has its room back when everything has left, and says so to who waits for that', async () => {
    const window = createPublishWindow(limits)
    await window.whenIdle()
    const inside = [...window.take(some([a, 3, 300])), ...window.take(some([b, 1, 50]))]
    let isIdle = false
    const idle = window.whenIdle().then(() => {
      isIdle = true
    })
    expect(scopeOf(() => window.take(some([a, 1, 1])))).to.equal('tenant')
    for (const { leave } of inside.slice(1)) leave()
    await turn()
    expect(isIdle).to.equal(false)
    inside[0]?.leave()
    await idle
    window.take(some([a, 3, 333]))
  })

  it('lets who waits in, in turn and never too many, as soon as there is room', async () => {
    const window = createPublishWindow(limits)
    const inside = [...window.take(some([a, 3, 1]))]
    const entered: string[] = []
    const patience = new AbortController().signal
    const waiting = ['first', 'second', 'third'].map(async (name) => {
      inside.push(...(await window.takeWhenRoom(some([a, 1, 1]), patience)))
      entered.push(name)
    })
    await turn()
    expect(entered).to.deep.equal([])
    inside[0]?.leave()
    await turn()
    expect(entered).to.deep.equal(['first'])
    expect(scopeOf(() => window.take(some([a, 1, 1])))).to.equal('tenant')
    for (const { leave } of inside.slice(1)) leave()
    await Promise.all(waiting)
    expect(entered).to.deep.equal(['first', 'second', 'third'])
  })

  it('waits no longer than it is told, and takes nothing then', async () => {
    const window = createPublishWindow(limits)
    const inside = window.take(some([a, 3, 1]))
    const patience = new AbortController()
    const refused = [some([a, 1, 1]), some([a, 3, 1])].map((messages) => errorFrom(window.takeWhenRoom(messages, patience.signal)))
    patience.abort()
    for (const error of await Promise.all(refused)) expect(error).to.include({ code: 'broker.window_full', scope: 'tenant' })
    expect(await errorFrom(window.takeWhenRoom(some([a, 1, 1]), patience.signal))).to.include({ code: 'broker.window_full' })
    for (const { leave } of inside) leave()
    await window.whenIdle()
    expect(await errorFrom(window.takeWhenRoom(some([a, 1, 1]), patience.signal))).to.include({ code: 'broker.window_full' })
    await window.whenIdle()
  })
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const createMessage = (tenantId: TenantId, bytes: number): OutboundMessage => ({
  ...{ tenantId, id: 'id' as MessageId, type: 'note', priority: 0, key: null, createdAtMs: 0, readyAtMs: 0, attempt: 1, firstAttempt: 1 },
  body: 'x'.repeat(bytes),
})

const errorFrom = (work: Promise<readonly Admitted[]>): Promise<unknown> =>
  work.then(
    () => 'it resolved',
    (error: unknown) => error,
  )

function scopeOf(work: () => unknown): ErrorScope | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    expect(error).to.be.instanceOf(AppError).and.to.include({ code: 'broker.window_full', retryable: true })
    return (error as AppError).scope
  }
}
