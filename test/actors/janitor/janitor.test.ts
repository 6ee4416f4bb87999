import { expect } from 'chai'
import { createActor, fromPromise, SimulatedClock } from 'xstate'
import type { ActorPorts } from '../../../actors/index.ts'
import { recoverLostRetries, removeExpired } from '../../../actors/janitor/clean.ts'
import { createJanitorLogic } from '../../../actors/janitor/logic.ts'
import { janitorMachine } from '../../../actors/janitor/machine.ts'
import { createSessions } from '../../../actors/tenant/sessions.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { QueueDepth } from '../../../src/core/ports/broker.ts'
import type { DesiredTenant } from '../../../src/core/tenant.ts'
import { eventually } from '../../support/eventually.ts'
import { createCalls, turn } from '../support/deferred.ts'
import { createDesired, createLines, tenantId } from '../support/samples.ts'

const other = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId
const dayMs = 86_400_000
/** What a full batch has. */
const batch = 1_000

const minuteMs = 60_000

interface Options {
  readonly overdue?: readonly TenantId[]
  readonly depth?: Partial<QueueDepth> | Error
  readonly reported?: number
  readonly tenants?: readonly DesiredTenant[]
  /** How many rows each removal finds, one call after another; 0 when there are no more. */
  readonly rows?: number[]
  readonly alone?: boolean
  readonly intervalMs?: number
  readonly auditDays?: number
}

function setup(options: Options = {}) {
  const { overdue = [], depth = {}, reported = 0, tenants = [], rows = [], alone = true, intervalMs = 0, auditDays = 0 } = options
  const done: string[] = []
  const remove = async (what: string): Promise<number> => {
    done.push(what)
    return rows.shift() ?? 0
  }
  const log = createLines()
  const ports = {
    log,
    broker: {
      depth: async (id: TenantId) => {
        if (depth instanceof Error && id === tenantId) throw depth
        return { ready: 0, unacked: 0, dlq: 0, ...(depth instanceof Error ? {} : depth) }
      },
    },
    failures: {
      overdue: async () => overdue,
      recover: async (id: TenantId, olderThanMs: number) => {
        done.push(`recover ${id} after ${olderThanMs / minuteMs} min`)
        return 2
      },
    },
    nodes: { reportsOf: async ([id]: readonly TenantId[]) => [{ nodeId: 'other', tenantId: id, inFlight: reported }] },
    retention: {
      whileAlone: async (work: () => Promise<void>) => (alone ? work() : undefined),
      removeMessages: (id: TenantId, ms: number, limit: number) => remove(`messages ${id} ${ms / dayMs} ${limit}`),
      removeFailures: (id: TenantId, ms: number, limit: number) => remove(`failures ${id} ${ms / dayMs} ${limit}`),
      removeExpiredKeys: (limit: number) => remove(`keys ${limit}`),
      removeExpiredSessions: (limit: number) => remove(`sessions ${limit}`),
      removeAuditEntries: (ms: number, limit: number) => remove(`audit ${ms / dayMs} ${limit}`),
    },
    tenants: { desired: async () => tenants },
    policy: { retention: { messagesDays: 0, failuresDays: 90, auditDays, intervalMs } },
  } as unknown as ActorPorts
  return { ports, done, lines: log.lines }
}

describe('recoverLostRetries', () => {
  it('makes due again what is in no queue and with no worker, and says so', async () => {
    const { ports, done, lines } = setup({ overdue: [tenantId, other] })
    await recoverLostRetries(ports, () => 0)
    expect(done).to.deep.equal([`recover ${tenantId} after 10 min`, `recover ${other} after 10 min`])
    expect(lines).to.have.length(2)
  })

  it('waits for an hour while its queue or a worker of any node may hold them', async () => {
    const held: readonly (readonly [Options, number])[] = [
      [{ depth: { ready: 1 } }, 0],
      [{ depth: { unacked: 1 } }, 0],
      [{ reported: 1 }, 0],
      [{}, 1],
    ]
    for (const [options, inFlight] of held) {
      const { ports, done } = setup({ overdue: [tenantId], ...options })
      await recoverLostRetries(ports, () => inFlight)
      expect(done, JSON.stringify(options)).to.deep.equal([`recover ${tenantId} after 60 min`])
    }
  })

  it('asks the workers where the broker cannot say what they hold', async () => {
    const { ports, done } = setup({ overdue: [tenantId], depth: { unacked: undefined } })
    await recoverLostRetries(ports, () => 0)
    expect(done).to.deep.equal([`recover ${tenantId} after 10 min`])
  })

  it('goes on to the next tenant when it cannot look at one’s queue, and waits for an hour there', async () => {
    const { ports, done } = setup({ overdue: [tenantId, other], depth: new Error('no such queue') })
    await recoverLostRetries(ports, () => 0)
    expect(done).to.deep.equal([`recover ${tenantId} after 60 min`, `recover ${other} after 10 min`])
  })
})

describe('removeExpired', () => {
  const { signal } = new AbortController()
  const keeps = (config: DesiredTenant['config'], id = tenantId): DesiredTenant => createDesired({ id, config })

  it('keeps each tenant’s rows as long as the tenant wants, or else as long as the installation says', async () => {
    const { ports, done } = setup({
      tenants: [keeps({}), keeps({ retention: { messages_days: 7, failures_days: null } }, other)],
    })
    await removeExpired(ports, signal)
    expect(done).to.deep.equal([`keys ${batch}`, `sessions ${batch}`, `failures ${tenantId} 90 ${batch}`, `messages ${other} 7 ${batch}`])
  })

  it('keeps the audit log as long as the installation says, whatever a tenant says', async () => {
    const { ports, done } = setup({ auditDays: 400, rows: [0, 0, batch, 2], tenants: [keeps({ retention: { audit_days: 1 } })] })
    await removeExpired(ports, signal)
    expect(done).to.deep.equal([
      `keys ${batch}`,
      `sessions ${batch}`,
      ...Array(2).fill(`audit 400 ${batch}`),
      `failures ${tenantId} 90 ${batch}`,
    ])
  })

  it('removes batch after batch until one is not full', async () => {
    const { ports, done } = setup({ rows: [batch, batch, 3, batch, 1, batch, 0], tenants: [keeps({})] })
    await removeExpired(ports, signal)
    expect(done).to.deep.equal([
      ...Array(3).fill(`keys ${batch}`),
      ...Array(2).fill(`sessions ${batch}`),
      ...Array(2).fill(`failures ${tenantId} 90 ${batch}`),
    ])
  })

  it('leaves it to another node that is at it', async () => {
    const { ports, done } = setup({ alone: false, tenants: [keeps({})] })
    await removeExpired(ports, signal)
    expect(done).to.deep.equal([])
  })

  it('stops between two batches when the node stops', async () => {
    const stopping = new AbortController()
    const { ports, done } = setup({ rows: Array(100).fill(batch), tenants: [keeps({}), keeps({}, other)] })
    const { removeExpiredKeys } = ports.retention
    Object.assign(ports.retention, {
      removeExpiredKeys: (limit: number) => {
        if (done.length === 2) stopping.abort()
        return removeExpiredKeys(limit)
      },
    })
    await removeExpired(ports, stopping.signal)
    expect(done).to.deep.equal(Array(3).fill(`keys ${batch}`))
  })
})

describe('the janitor', () => {
  it('rests between its rounds, for a time that differs from node to node, and goes on after one that failed', async () => {
    const rounds = createCalls<undefined, void>()
    const failures: unknown[] = []
    const clock = new SimulatedClock()
    const machine = janitorMachine.provide({
      actors: { clean: fromPromise(() => rounds.call(undefined)) },
      actions: { logFailure: ({ event }) => void failures.push('error' in event ? event.error : undefined) },
    })
    const janitor = createActor(machine, { clock, input: { intervalMs: 1_000 } }).start()
    for (let round = 1; round <= 4; round++) {
      clock.increment(899)
      expect(janitor.getSnapshot().value).to.equal('resting')
      clock.increment(202)
      expect(janitor.getSnapshot().value).to.equal('cleaning')
      clock.increment(100_000)
      expect(rounds.made).to.have.length(round)
      if (round % 2 === 0) await rounds.resolve()
      else await rounds.reject(new Error(`round ${round}`))
    }
    expect(failures.map((error) => (error as Error).message)).to.deep.equal(['round 1', 'round 3'])
    janitor.stop()
  })

  async function makeRounds(count: number, intervalMs: number) {
    const { ports, done } = setup({ overdue: [tenantId], intervalMs })
    const clock = new SimulatedClock()
    const janitor = createActor(createJanitorLogic(ports, createSessions(1)), { clock, input: { intervalMs: 1_000 } }).start()
    for (let round = 0; round < count; round++) {
      clock.increment(1_100)
      await eventually(() => janitor.getSnapshot().value === 'resting')
    }
    janitor.stop()
    return done
  }

  it('looks for lost retries in each round, and removes what is old at intervals of its own', async () => {
    expect(await makeRounds(3, 3_600_000)).to.deep.equal([
      `recover ${tenantId} after 10 min`,
      `keys ${batch}`,
      `sessions ${batch}`,
      `recover ${tenantId} after 10 min`,
      `recover ${tenantId} after 10 min`,
    ])
    expect(await makeRounds(2, 0)).to.deep.equal(
      Array(2)
        .fill([`recover ${tenantId} after 10 min`, `keys ${batch}`, `sessions ${batch}`])
        .flat(),
    )
  })

  it('removes nothing more when it is stopped in the middle', async () => {
    const { ports, done } = setup()
    const removal = createCalls<number, number>()
    Object.assign(ports.retention, { removeExpiredKeys: (limit: number) => removal.call(limit) })
    const clock = new SimulatedClock()
    const janitor = createActor(createJanitorLogic(ports, createSessions(1)), { clock, input: { intervalMs: 1_000 } }).start()
    clock.increment(1_100)
    await eventually(() => removal.open.length === 1)
    janitor.stop()
    await removal.resolve(batch)
    await turn()
    expect([removal.made.length, done]).to.deep.equal([1, []])
  })
})
