import { expect } from 'chai'
import { AppError } from '../../../../src/core/errors.ts'
import type { TenantId } from '../../../../src/core/ids.ts'
import { createIncidents, type Incident } from '../../../../src/engine/inspection/incidents.ts'
import { eventually } from '../../../support/eventually.ts'

const tenantOf = (number: number) => `tenant ${number}` as TenantId
const newIncident = (actorId: string, tenantId: TenantId | null = null) =>
  ({ actorId, tenantId, reason: 'password=hunter2', machine: 'worker' }) as unknown as Incident

/** Writes that nothing holds up are done by then. */
const written = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))

describe('incidents', () => {
  function setUp() {
    const [lines, kept] = [[] as { message: string; [fact: string]: unknown }[], [] as string[]]
    const state = { nowMs: 1_000, failure: undefined as Error | undefined, tries: 0, onTry: () => {} }
    const incidents = createIncidents({
      store: {
        async add({ actorId }) {
          state.tries += 1
          state.onTry()
          if (state.failure) throw state.failure
          if (actorId === 'gone') return undefined
          kept.push(actorId)
          return `id of ${actorId}`
        },
      },
      log: { warn: (message, details) => lines.push({ message, ...details }) },
      nowMs: () => state.nowMs,
      backoff: { baseMs: 1, factor: 1, capMs: 1 },
    })
    return { incidents, lines, kept, state }
  }
  const away = new AppError('database.unavailable', 'it is away', { retryable: true })

  it('are kept and told, without secrets, and not in the turn of the actor', async () => {
    const { incidents, lines, kept, state } = setUp()
    incidents.note(newIncident('worker:1', tenantOf(1)))
    incidents.note(newIncident('gone', tenantOf(1)))
    expect(state.tries).to.equal(0)
    await written()
    expect(kept).to.deep.equal(['worker:1'])
    expect(lines).to.deep.equal([
      {
        message: 'an actor’s flight record was kept',
        ...{ flight_record_id: 'id of worker:1', actor_id: 'worker:1', tenant_id: 'tenant 1', reason: 'password=[redacted]' },
      },
    ])
  })

  it('are kept in order when the database comes back, the newest hundred', async () => {
    const { incidents, kept, state } = setUp()
    state.failure = away
    for (let number = 0; number < 120; number++) {
      // Not more in a minute than are admitted.
      if (number % 60 === 0) state.nowMs += 60_000
      incidents.note(newIncident(`worker:${number}`))
    }
    state.onTry = () => {
      if (state.tries === 5) state.failure = undefined
    }
    await eventually(() => expect(kept).to.have.length(100))
    expect(state.tries).to.equal(104)
    expect(kept).to.deep.equal(Array.from({ length: 100 }, (_, index) => `worker:${index + 20}`))
  })

  it('that the store refuses do not hold up the others', async () => {
    const { incidents, lines, kept, state } = setUp()
    state.failure = new Error('refused')
    state.onTry = () => {
      if (state.tries === 2) state.failure = undefined
    }
    for (const id of ['worker:1', 'worker:2']) incidents.note(newIncident(id))
    await written()
    expect(kept).to.deep.equal(['worker:2'])
    expect(lines[0]).to.include({ message: 'an actor’s flight record could not be kept', actor_id: 'worker:1' })
  })

  it('of one actor are kept once in ten seconds, of one tenant ten times a minute, of all sixty; the others are counted', async () => {
    const { incidents, lines, kept, state } = setUp()
    const keptOf = async (noted: readonly Incident[]) => {
      kept.length = 0
      for (const incident of noted) incidents.note(incident)
      await written()
      return kept.length
    }
    const one = newIncident('worker:1', tenantOf(1))
    const many = (count: number, tenantId: (index: number) => TenantId | null) =>
      Array.from({ length: count }, (_, index) => newIncident(`worker:${index}:${state.nowMs}`, tenantId(index)))
    expect(await keptOf([one, one])).to.equal(1)
    state.nowMs += 9_999
    expect(await keptOf([one])).to.equal(0)
    state.nowMs += 1
    expect(await keptOf([one])).to.equal(1)
    expect(await keptOf(many(20, () => tenantOf(1)))).to.equal(8)
    expect(await keptOf(many(20, () => tenantOf(2)))).to.equal(10)
    state.nowMs += 1
    expect(await keptOf(many(70, (index) => (index % 2 ? tenantOf(index) : null)))).to.equal(40)
    state.nowMs += 60_000
    expect(await keptOf(many(70, () => null))).to.equal(60)
    await incidents.close()
    await incidents.close()
    const told = lines.filter(({ message }) => message.startsWith('flight records were left out'))
    expect(told).to.deep.equal([{ message: 'flight records were left out: there were too many', left_out: 2 + 12 + 10 + 30 + 10 }])
  })

  it('that still wait at the end are waited for, and then given up', async () => {
    const { incidents, lines, kept, state } = setUp()
    incidents.note(newIncident('worker:1'))
    await incidents.close(10_000)
    expect(kept).to.deep.equal(['worker:1'])

    const late = setUp()
    late.state.failure = away
    for (const id of ['worker:1', 'worker:2']) late.incidents.note(newIncident(id))
    await late.incidents.close(5)
    await written()
    late.incidents.note(newIncident('worker:3'))
    await written()
    expect(late.kept).to.deep.equal([])
    expect(late.lines).to.deep.equal([{ message: 'flight records were left out: there were too many', left_out: 2 }])
    expect([state.tries, lines.length]).to.deep.equal([1, 1])
  })
})
