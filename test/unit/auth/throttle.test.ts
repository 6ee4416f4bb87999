import { expect } from 'chai'
import { createAttemptLimit } from '../../../src/auth/attempt-limit.ts'
import { createKnownNetworks } from '../../../src/auth/known-networks.ts'
import { createPasswordGate } from '../../../src/auth/password-gate.ts'
import { createThrottle } from '../../../src/auth/throttle.ts'
import { eventually } from '../../support/eventually.ts'

describe('the throttle', () => {
  const setup = () => {
    const clock = { nowMs: 0 }
    const throttle = createThrottle({ failuresPerMinute: 2, now: () => clock.nowMs })
    return { clock, begin: (address: string, account?: string) => throttle.begin({ address, what: 'login', ...(account && { account }) }) }
  }

  it('counts the addresses of one IPv6 network together', () => {
    const { begin } = setup()
    begin('2001:db8::1', 'a')
    begin('2001:db8::2', 'a')
    expect(begin('2001:db8::3', 'a')).to.include({ kind: 'throttled' })
    expect(begin('2001:db8:0:1::3', 'a')).to.include({ kind: 'begun' })
  })

  it('cannot be made to refuse an account everywhere from one address', () => {
    const { begin, clock } = setup()
    for (let second = 0; second < 900; second++) {
      clock.nowMs = second * 1_000
      begin('192.0.2.1', 'a')
      if (second % 60 > 0) continue
      const attempt = begin('192.0.2.2', 'a')
      if (attempt.kind === 'throttled') throw new Error(`throttled after ${second} seconds`)
      attempt.succeeded()
    }
  })

  it('does not refuse an account where it has logged in within 30 days, however many strangers guess', () => {
    const { begin, clock } = setup()
    const logIn = (address: string) => {
      const attempt = begin(address, 'a')
      if (attempt.kind === 'begun') attempt.succeeded()
      return attempt.kind
    }
    const guess = () => {
      for (let network = 0; network < 20; network++) begin(`198.51.100.${network}`, 'a')
    }
    expect(logIn('192.0.2.1')).to.equal('begun')
    guess()
    expect(logIn('192.0.2.2')).to.equal('throttled')
    expect(logIn('192.0.2.1')).to.equal('begun')
    // Who has the address has no more guesses than any other.
    for (let index = 0; index < 2; index++) begin('192.0.2.1', 'a')
    expect(logIn('192.0.2.1')).to.equal('throttled')
    clock.nowMs = 31 * 24 * 3_600_000
    guess()
    expect(logIn('192.0.2.1')).to.equal('throttled')
  })

  it('takes back an attempt once, however often it is told', () => {
    const { begin } = setup()
    begin('192.0.2.1', 'a')
    const attempt = begin('192.0.2.1', 'a')
    if (attempt.kind === 'throttled') throw new Error(attempt.kind)
    for (let index = 0; index < 3; index++) attempt.void()
    expect(begin('192.0.2.1', 'a').kind).to.equal('begun')
    expect(begin('192.0.2.1', 'a').kind).to.equal('throttled')
  })
})

describe('the attempt limit', () => {
  it('forgets the oldest key when there are too many', () => {
    const limit = createAttemptLimit({ maxFailures: 1, windowMs: 1_000, maxKeys: 2, now: () => 0 })
    for (const key of ['a', 'b', 'c']) limit.count(key)
    expect(['a', 'b', 'c'].map((key) => limit.waitMs(key))).to.deep.equal([undefined, 1_000, 1_000])
  })
})

describe('the known networks', () => {
  const setup = () => createKnownNetworks({ keepMs: 1_000, maxPairs: 4, maxNetworks: 2, now: () => 0 })

  it('are the latest of an account, and of one account not at the cost of another', () => {
    const known = setup()
    known.add('a', '1')
    for (const network of ['1', '2', '1', '3', '4', '1']) known.add('b', network)
    expect(['1', '2', '3', '4'].map((network) => known.has('b', network))).to.deep.equal([true, false, false, true])
    expect(known.has('a', '1')).to.equal(true)
    expect(known.has('a', '4')).to.equal(false)
  })

  it('are those of the accounts that have logged in last', () => {
    const known = setup()
    for (const account of ['a', 'b', 'c', 'd', 'a', 'e']) known.add(account, '1')
    expect(['a', 'b', 'c', 'd', 'e'].map((account) => known.has(account, '1'))).to.deep.equal([true, false, true, true, true])
  })
})

describe('the password gate', () => {
  it('lets the work of one tenant in one after the other, that of another at once, and refuses a long line', async () => {
    const gate = createPasswordGate({ maxAtOnce: 1, maxWaiting: 3 })
    const begun: string[] = []
    const ends: (() => void)[] = []
    const work = (name: string) => () => {
      begun.push(name)
      return new Promise<string>((resolve) => ends.push(() => resolve(name)))
    }
    const failing = gate.inTurn('a', () => Promise.reject(new Error('no'))).catch((error) => error.message)
    const waiting = [gate.inTurn('a', work('a1')), gate.inTurn('a', work('a2')), gate.inTurn('b', work('b1'))]
    expect(await gate.inTurn('a', work('a3')).catch((error) => error.code)).to.equal('auth.busy')
    expect(await failing).to.equal('no')
    await eventually(() => begun.length === 2)
    expect(begun.toSorted()).to.deep.equal(['a1', 'b1'])
    for (const end of ends.splice(0)) end()
    await eventually(() => begun.length === 3)
    for (const end of ends) end()
    expect(await Promise.all(waiting)).to.deep.equal(['a1', 'a2', 'b1'])
  })
})
