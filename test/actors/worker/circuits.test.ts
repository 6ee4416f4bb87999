import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import { createCircuitsOf, tenantId } from '../support/samples.ts'

const other = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId

/** Opens after three failures in a row, for 1, 2, then 4 s; a probe is given up after 500 ms. */
function setup() {
  const changes: string[] = []
  const circuits = createCircuitsOf((_, destination, { state }) => changes.push(`${destination} ${state}`))
  const fail = (times: number, nowMs = 0, id = tenantId): void => {
    for (let each = 0; each < times; each++) circuits.failed(id, 'sms', nowMs, 'refused')
  }
  return { circuits, changes, fail, admit: (nowMs: number, id = tenantId) => circuits.admit(id, 'sms', nowMs) }
}

describe('createCircuits', () => {
  it('opens after failures in a row, and not after as many with a success among them', () => {
    const { circuits, changes, fail, admit } = setup()
    fail(2)
    circuits.succeeded(tenantId, 'sms')
    fail(2)
    expect([admit(0), changes]).to.deep.equal([undefined, []])
    fail(1)
    expect(changes).to.deep.equal(['sms open'])
    expect(admit(999)).to.deep.equal({ untilMs: 1_000, reason: 'refused' })
  })

  it('lets one message through when the wait is over, and puts the others off until it is heard of', () => {
    const { changes, fail, admit } = setup()
    fail(3)
    expect(admit(1_000)).to.equal(undefined)
    expect(admit(1_000)).to.deep.equal({ untilMs: 1_500, reason: 'refused' })
    expect(changes).to.deep.equal(['sms open', 'sms half_open'])
  })

  it('sends another probe when the first has not been heard of for too long', () => {
    const { fail, admit } = setup()
    fail(3)
    admit(1_000)
    expect(admit(1_499)).to.not.equal(undefined)
    expect(admit(1_500)).to.equal(undefined)
    expect(admit(1_500)).to.deep.include({ untilMs: 2_000 })
  })

  it('closes when the probe succeeds, and forgets that it was ever open', () => {
    const { circuits, changes, fail, admit } = setup()
    fail(3)
    admit(1_000)
    circuits.succeeded(tenantId, 'sms')
    expect(changes.at(-1)).to.equal('sms closed')
    expect([admit(1_000), circuits.of(tenantId)]).to.deep.equal([undefined, []])
    fail(3, 2_000)
    expect(admit(2_000), 'waits as long as at first').to.deep.include({ untilMs: 3_000 })
  })

  it('sends another probe at once when one has not asked the destination', () => {
    const { circuits, changes, fail, admit } = setup()
    fail(3)
    admit(1_000)
    circuits.undecided(tenantId, 'sms', 1_100)
    expect([admit(1_100), changes]).to.deep.equal([undefined, ['sms open', 'sms half_open']])
    circuits.succeeded(tenantId, 'sms')
    circuits.undecided(tenantId, 'sms', 1_200)
    expect(circuits.of(tenantId)).to.deep.equal([])
  })

  it('waits twice as long after each probe that fails, up to the cap', () => {
    const { fail, admit } = setup()
    fail(3)
    let nowMs = 1_000
    for (const waitMs of [2_000, 4_000, 4_000]) {
      expect(admit(nowMs)).to.equal(undefined)
      fail(1, nowMs)
      expect(admit(nowMs)).to.deep.include({ untilMs: nowMs + waitMs })
      nowMs += waitMs
    }
  })

  it('does not wait longer for what was on its way when it opened', () => {
    const { fail, admit, changes } = setup()
    fail(10, 0)
    fail(10, 900)
    expect(admit(950)).to.deep.include({ untilMs: 1_000 })
    expect(changes).to.deep.equal(['sms open'])
  })

  it('keeps tenants and destinations apart', () => {
    const { circuits, fail, admit } = setup()
    fail(3)
    expect(admit(0, other)).to.equal(undefined)
    expect(circuits.admit(tenantId, 'email', 0)).to.equal(undefined)
    expect(circuits.of(tenantId).map(({ destination, circuit }) => [destination, circuit.state])).to.deep.equal([['sms', 'open']])
    expect(circuits.of(other)).to.deep.equal([])
    circuits.forget(tenantId)
    expect([circuits.of(tenantId), admit(0)]).to.deep.equal([[], undefined])
  })
})
