import { expect } from 'chai'
import { createPublishWindow, type WindowLimits } from '../../../../src/broker/rabbitmq/publish-window.ts'
import { AppError, type ErrorScope } from '../../../../src/core/errors.ts'
import type { TenantId } from '../../../../src/core/ids.ts'

const [a, b] = ['a', 'b'] as TenantId[] as [TenantId, TenantId]
const limits: WindowLimits = { maxInFlight: 5, maxInFlightPerTenant: 3, maxInFlightBytes: 1_000 }

describe('createPublishWindow', () => {
  const table: readonly {
    name: string
    inside: readonly (readonly [TenantId, number])[]
    ask: [TenantId, number, number]
    full?: ErrorScope
  }[] = [
    { name: 'room', inside: [], ask: [a, 1, 10] },
    {
      name: "the tenant's last place",
      inside: [
        [a, 1],
        [a, 1],
      ],
      ask: [a, 1, 1],
    },
    {
      name: 'no place of the tenant',
      inside: [
        [a, 1],
        [a, 1],
        [a, 1],
      ],
      ask: [a, 1, 1],
      full: 'tenant',
    },
    {
      name: "another tenant's place",
      inside: [
        [a, 1],
        [a, 1],
        [a, 1],
      ],
      ask: [b, 1, 1],
    },
    {
      name: 'no place of the node',
      inside: [
        [a, 1],
        [a, 1],
        [a, 1],
        [b, 1],
        [b, 1],
      ],
      ask: [b, 1, 1],
      full: 'process',
    },
    { name: 'the last byte', inside: [[a, 900]], ask: [b, 1, 100] },
    { name: 'a byte too many', inside: [[a, 900]], ask: [b, 1, 101], full: 'process' },
    { name: 'a batch over all limits when nothing is inside', inside: [], ask: [a, 100, 1_000_000] },
    { name: 'a batch over the limits beside another', inside: [[b, 1]], ask: [a, 100, 1], full: 'process' },
  ]
  for (const { name, inside, ask, full } of table) {
    it(`${name}: ${full ? `is full, scope ${full}` : 'admits'}`, () => {
      const window = createPublishWindow(limits)
      for (const [tenant, bytes] of inside) window.enter(tenant, bytes)
      expect(scopeOf(() => window.admit(...ask))).to.equal(full)
    })
  }

  it('has its room back when everything has left', () => {
    const window = createPublishWindow(limits)
    const slots = [window.enter(a, 500), window.enter(a, 500), window.enter(a, 1), window.enter(b, 1), window.enter(b, 1)]
    expect(scopeOf(() => window.admit(a, 1, 1))).to.equal('tenant')
    for (const slot of slots) window.leave(slot)
    window.enter(a, 1)
    expect(scopeOf(() => window.admit(a, 2, 999))).to.equal(undefined)
  })
})

function scopeOf(work: () => void): ErrorScope | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    expect(error).to.be.instanceOf(AppError).and.to.include({ code: 'broker.window_full', retryable: true })
    return (error as AppError).scope
  }
}
