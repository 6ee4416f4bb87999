import { expect } from 'chai'
import { createActor, fromCallback, fromPromise, SimulatedClock } from 'xstate'
import { type Claimed, leastSpacingMs, retrySchedulerMachine, toWakeAtMs } from '../../../actors/retry-scheduler/machine.ts'
import { createCalls } from '../support/deferred.ts'
import { policy } from '../support/samples.ts'

const none: Claimed = { count: 0, more: false, nextDueAtMs: undefined, dueSinceMs: undefined, tookMs: 0 }
/** Longer than any wait in the machine. */
const longMs = 60_000

function start() {
  const claims = createCalls<undefined, Claimed>()
  const rounds = createCalls<undefined, void>()
  const clock = new SimulatedClock()
  const failures: string[] = []
  let tell: (atMs: number) => void = () => {}
  const machine = retrySchedulerMachine.provide({
    actors: {
      watchDue: fromCallback(({ sendBack }) => {
        tell = (atMs) => sendBack({ type: 'retry.due', atMs })
      }),
      claim: fromPromise(() => claims.call(undefined)),
      republish: fromPromise(() => rounds.call(undefined)),
    },
    actions: { logFailure: ({ context }) => void failures.push(`${context.attempt} ${context.reason}`) },
  })
  const actor = createActor(machine, { clock, input: { backoff: policy.backoff } }).start()
  return {
    claims,
    rounds,
    clock,
    failures,
    actor,
    tell: (inMs: number) => tell(Date.now() + inMs),
    up: () => actor.send({ type: 'broker.up' }),
    down: () => actor.send({ type: 'broker.down' }),
    get state() {
      return actor.getSnapshot().value
    },
  }
}

/** Waiting, with nothing known to be due. */
async function startWaiting(found: Claimed = none) {
  const rig = start()
  rig.up()
  await rig.claims.resolve(found)
  return rig
}

const dueIn = (inMs: number): Claimed => ({ ...none, nextDueAtMs: Date.now() + inMs })

describe('the retry scheduler', () => {
  it('is parked until the broker is there, and looks at once then', () => {
    const rig = start()
    rig.tell(0)
    rig.clock.increment(longMs)
    expect([rig.state, rig.claims.made.length]).to.deep.equal(['parked', 0])
    rig.up()
    expect([rig.state, rig.claims.made.length]).to.deep.equal(['claiming', 1])
  })

  it('sleeps until the next message is due', async () => {
    const rig = await startWaiting(dueIn(9_000))
    rig.clock.increment(1_000)
    expect(rig.state).to.equal('waiting')
    rig.clock.increment(8_000)
    expect(rig.state).to.equal('claiming')
  })

  it('looks every ten seconds although nothing is known to be due, since a note may be lost', async () => {
    const rig = await startWaiting()
    rig.clock.increment(9_999)
    expect(rig.state).to.equal('waiting')
    rig.clock.increment(1)
    expect(rig.state).to.equal('claiming')
  })

  it('wakes earlier for an earlier note, and not for a later one', async () => {
    const later = await startWaiting(dueIn(9_000))
    later.tell(30_000)
    later.clock.increment(9_000)
    expect(later.state).to.equal('claiming')

    const earlier = await startWaiting()
    earlier.tell(0)
    expect(earlier.state).to.equal('waiting')
    earlier.clock.increment(leastSpacingMs)
    expect(earlier.state).to.equal('claiming')
  })

  it('is not put off by notes that keep coming', async () => {
    const rig = await startWaiting()
    rig.tell(0)
    for (let note = 0; note < 5; note++) {
      rig.clock.increment(leastSpacingMs / 5)
      rig.tell(note + 1)
    }
    expect(rig.state).to.equal('claiming')
  })

  it('looks at what is due at intervals, so that what becomes due in between is taken together', async () => {
    const rig = await startWaiting(dueIn(-5_000))
    rig.clock.increment(leastSpacingMs - 1)
    expect(rig.state).to.equal('waiting')
    rig.clock.increment(1)
    expect(rig.state).to.equal('claiming')
  })

  it('republishes what it has found, and only then looks again', async () => {
    const rig = await startWaiting({ ...none, count: 3 })
    expect([rig.state, rig.rounds.made.length]).to.deep.equal(['republishing', 1])
    rig.clock.increment(longMs)
    expect(rig.claims.made).to.have.length(1)
    await rig.rounds.resolve()
    expect(rig.state).to.equal('waiting')
  })

  it('looks again at once when it has left some, and a while later when it could take none', async () => {
    const some = await startWaiting({ ...none, count: 3, more: true })
    await some.rounds.resolve()
    some.clock.increment(leastSpacingMs)
    expect(some.state).to.equal('claiming')

    const full = await startWaiting({ ...none, more: true })
    full.clock.increment(leastSpacingMs)
    expect(full.state).to.equal('waiting')
    full.clock.increment(1_000)
    expect(full.state).to.equal('claiming')
  })

  it('leaves nine tenths of the time to others when a look takes long', async () => {
    const rig = await startWaiting({ ...none, more: true, nextDueAtMs: 0, tookMs: 30 })
    rig.clock.increment(299)
    expect(rig.state).to.equal('waiting')
    rig.clock.increment(1)
    expect(rig.state).to.equal('claiming')
  })

  it('does not lose a note that comes while it looks or republishes', async () => {
    const looking = start()
    looking.up()
    looking.tell(0)
    await looking.claims.resolve(none)
    looking.clock.increment(leastSpacingMs)
    expect(looking.state).to.equal('claiming')

    const republishing = await startWaiting({ ...none, count: 1 })
    republishing.tell(0)
    await republishing.rounds.resolve()
    republishing.clock.increment(leastSpacingMs)
    expect(republishing.state).to.equal('claiming')
  })

  it('backs off, ever longer, while the database is away, and begins anew when it answers', async () => {
    const rig = start()
    rig.up()
    for (let attempt = 1; attempt <= 6; attempt++) {
      await rig.claims.reject(new Error('connection refused'))
      expect(rig.state).to.equal('backingOff')
      expect(rig.failures.at(-1)).to.equal(`${attempt} connection refused`)
      const ceilingMs = Math.min(1_600, 100 * 2 ** (attempt - 1))
      rig.clock.increment(ceilingMs / 2 - 1)
      expect(rig.state).to.equal('backingOff')
      rig.clock.increment(ceilingMs / 2 + 1)
      expect(rig.state).to.equal('claiming')
    }
    await rig.claims.resolve(none)
    expect(rig.actor.getSnapshot().context).to.include({ attempt: 0, reason: null })
    expect(rig.state).to.equal('waiting')
  })

  it('backs off when what it has found could not be republished', async () => {
    const rig = await startWaiting({ ...none, count: 1 })
    await rig.rounds.reject(new Error('the broker is away'))
    expect([rig.state, rig.failures]).to.deep.equal(['backingOff', ['1 the broker is away']])
    rig.clock.increment(100)
    expect(rig.state).to.equal('claiming')
  })

  it('parks in every state when the broker goes away, and looks again when it is back', async () => {
    const toState: Readonly<Record<string, (rig: ReturnType<typeof start>) => Promise<void>>> = {
      claiming: async () => {},
      waiting: (rig) => rig.claims.resolve(none),
      republishing: (rig) => rig.claims.resolve({ ...none, count: 1 }),
      backingOff: (rig) => rig.claims.reject(new Error('away')),
    }
    for (const [state, reach] of Object.entries(toState)) {
      const rig = start()
      rig.up()
      await reach(rig)
      expect(rig.state).to.equal(state)
      rig.down()
      rig.clock.increment(longMs)
      expect(rig.state, state).to.equal('parked')
      while (rig.claims.open.length > 0) await rig.claims.resolve(dueIn(0))
      while (rig.rounds.open.length > 0) await rig.rounds.resolve()
      rig.clock.increment(longMs)
      expect(rig.state, `${state}: what ends late changes nothing`).to.equal('parked')
      rig.up()
      expect(rig.state, state).to.equal('claiming')
    }
  })

  it('looks all the same when it cannot be told of anything', () => {
    const machine = retrySchedulerMachine.provide({
      actors: {
        watchDue: fromCallback(() => {
          throw new Error('cannot listen')
        }),
        claim: fromPromise(() => new Promise<Claimed>(() => {})),
      },
    })
    const clock = new SimulatedClock()
    const actor = createActor(machine, { clock, input: { backoff: policy.backoff } }).start()
    clock.increment(longMs)
    expect(actor.getSnapshot()).to.include({ status: 'active', value: 'claiming' })
  })
})

describe('toWakeAtMs', () => {
  it('is when the next is due, or sooner when some had to be left', () => {
    const never = Number.POSITIVE_INFINITY
    expect(toWakeAtMs(none, 1_000)).to.equal(never)
    expect(toWakeAtMs({ ...none, nextDueAtMs: 5_000 }, 1_000)).to.equal(5_000)
    expect(toWakeAtMs({ ...none, count: 2, more: true, nextDueAtMs: 5_000 }, 1_000)).to.equal(1_000)
    expect(toWakeAtMs({ ...none, count: 0, more: true, nextDueAtMs: 5_000 }, 1_000)).to.equal(2_000)
    expect(toWakeAtMs({ ...none, count: 0, more: true, nextDueAtMs: 1_500 }, 1_000)).to.equal(1_500)
  })
})
