import { expect } from 'chai'
import { createActor, fromCallback, fromTransition, SimulatedClock, setup } from 'xstate'
import type { SupervisorLogic } from '../../../actors/supervisor/logic.ts'
import type { SupervisorEvent } from '../../../actors/supervisor/machine.ts'
import { supervisorMachine } from '../../../actors/supervisor/machine.ts'
import type { TenantCommand } from '../../../actors/tenant/events.ts'
import type { TenantLogic } from '../../../actors/tenant/logic.ts'
import type { TenantInput } from '../../../actors/tenant/setup.ts'
import { tenantManagerMachine } from '../../../actors/tenant-manager/machine.ts'
import { planTelling } from '../../../actors/tenant-manager/plan-telling.ts'
import { shardCount, shardOf, supervisorIdOf } from '../../../actors/tenant-manager/shards.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { createDesired, policy, tenantId } from '../support/samples.ts'

const other = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0042' as TenantId

/** Tenants that note what they hear, crash on `tenant.abort`, and end on `tenant.end` and `tenant.vanish`. */
function createTenants() {
  const heard: string[] = []
  const started: TenantInput[] = []
  const logic = setup({ types: { events: {} as TenantCommand, input: {} as TenantInput, context: {} as TenantInput } }).createMachine({
    context: ({ input }) => {
      started.push(input)
      return input
    },
    output: ({ context }) => ({ tenantId: context.desired.id }),
    initial: 'here',
    states: {
      here: {
        on: {
          'tenant.end': 'gone',
          'tenant.vanish': 'gone',
          'tenant.abort': {
            actions: () => {
              throw new Error('boom')
            },
          },
          'tenant.desire': { actions: ({ event }) => void heard.push(`desire ${event.desired.version}`) },
          'broker.up': { actions: ({ context }) => void heard.push(`up ${context.desired.id}`) },
        },
      },
      gone: { type: 'final' },
    },
  })
  return { heard, started, logic: logic as unknown as TenantLogic }
}

function startSupervisor() {
  const tenants = createTenants()
  const clock = new SimulatedClock()
  const released: string[] = []
  const machine = supervisorMachine.provide({
    actors: { tenant: tenants.logic },
    actions: { releaseTenant: ({ event }) => void ('actorId' in event && released.push(event.actorId)) },
  })
  const supervisor = createActor(machine, { clock, input: { policy } })
  supervisor.subscribe({ error: (error) => expect.fail(String(error)) })
  supervisor.start()
  const crash = (id: TenantId): void => supervisor.getSnapshot().children[`tenant:${id}`]?.send({ type: 'tenant.abort' })
  const children = (): readonly string[] => Object.keys(supervisor.getSnapshot().children)
  return { ...tenants, clock, supervisor, released, crash, children }
}

describe('a supervisor', () => {
  it('starts a tenant once, and tells it what is wanted afterwards', () => {
    const { supervisor, started, heard } = startSupervisor()
    supervisor.send({ type: 'tenant.ensure', desired: createDesired() })
    supervisor.send({ type: 'tenant.ensure', desired: createDesired({ version: 2 }) })
    expect(started).to.have.length(1)
    expect(heard).to.deep.equal(['desire 2'])
  })

  it('restarts a crashed tenant after a delay with the newest desired state, and no other notices', () => {
    const { supervisor, started, crash, clock, released, children } = startSupervisor()
    supervisor.send({ type: 'tenant.ensure', desired: createDesired() })
    supervisor.send({ type: 'tenant.ensure', desired: createDesired({ id: other }) })
    const unaffected = supervisor.getSnapshot().children[`tenant:${other}`]
    crash(tenantId)
    expect(children()).to.deep.equal([`tenant:${other}`])
    expect(released).to.deep.equal([`tenant:${tenantId}`])
    supervisor.send({ type: 'tenant.ensure', desired: createDesired({ version: 7 }) })
    expect(started, 'the delay is kept').to.have.length(2)
    clock.increment(100)
    expect(started.at(-1)).to.deep.equal({ desired: createDesired({ version: 7 }), policy })
    expect(supervisor.getSnapshot().children[`tenant:${other}`]).to.equal(unaffected)
  })

  it('puts a tenant that crashes too often in quarantine', () => {
    const { supervisor, started, crash, clock } = startSupervisor()
    supervisor.send({ type: 'tenant.ensure', desired: createDesired() })
    for (let time = 1; time <= 3; time++) {
      crash(tenantId)
      clock.increment(200)
      expect(started).to.have.length(time + 1)
      expect(started.at(-1)?.quarantine).to.equal(time === 3 ? 'boom' : undefined)
    }
  })

  it('forgets a tenant whose row is gone, whether it runs or waits for its restart', () => {
    const { supervisor, started, crash, clock, children } = startSupervisor()
    supervisor.send({ type: 'tenant.ensure', desired: createDesired() })
    supervisor.send({ type: 'tenant.ensure', desired: createDesired({ id: other }) })
    crash(other)
    for (const id of [tenantId, other]) supervisor.send({ type: 'tenant.forget', tenantId: id })
    clock.increment(10_000)
    expect(children()).to.deep.equal([])
    expect(supervisor.getSnapshot().context.desired).to.deep.equal({})
    expect(started).to.have.length(2)
    supervisor.send({ type: 'tenant.ensure', desired: createDesired() })
    expect(started).to.have.length(3)
  })

  it('passes on what all tenants are to hear', () => {
    const { supervisor, heard } = startSupervisor()
    for (const id of [tenantId, other]) supervisor.send({ type: 'tenant.ensure', desired: createDesired({ id }) })
    supervisor.send({ type: 'tenants.tell', command: { type: 'broker.up' } })
    expect(heard).to.have.members([`up ${tenantId}`, `up ${other}`])
  })

  it('ends when every tenant has ended, those that wait for a restart at once', () => {
    const { supervisor, crash, clock, started } = startSupervisor()
    for (const id of [tenantId, other]) supervisor.send({ type: 'tenant.ensure', desired: createDesired({ id }) })
    crash(other)
    supervisor.send({ type: 'supervisor.end' })
    expect(supervisor.getSnapshot().status).to.equal('done')
    clock.increment(10_000)
    expect(started).to.have.length(2)
  })
})

describe('the tenant manager', () => {
  function start(runsTenants = true) {
    const clock = new SimulatedClock()
    const heard: string[] = []
    const shell: string[] = []
    const note = (name: string) => () => void shell.push(name)
    const supervisor = setup({ types: { events: {} as SupervisorEvent, input: {} as { policy: typeof policy } } }).createMachine({
      initial: 'here',
      states: {
        here: {
          on: {
            'supervisor.end': 'gone',
            'tenant.ensure': { actions: ({ event, self }) => void heard.push(`${self.id} ensure ${event.desired.version}`) },
            'tenant.forget': { actions: ({ self }) => void heard.push(`${self.id} forget`) },
            'tenants.tell': {
              actions: ({ event, self }) => {
                if (event.command.type === 'tenant.abort') throw new Error('boom')
                if (self.id === 'supervisor:0') heard.push(event.command.type)
              },
            },
          },
        },
        gone: { type: 'final' },
      },
    })
    const createService = (name: string) =>
      fromTransition((state: null, event: { type: string }) => {
        if (event.type === 'crash') throw new Error('boom')
        if (event.type !== 'xstate.stop') heard.push(`${name} ${event.type}`)
        return state
      }, null)
    const machine = tenantManagerMachine.provide({
      actors: {
        brokerLink: fromTransition((state: null) => state, null),
        ledger: fromTransition((state: null) => state, null),
        reconciler: fromCallback(({ receive }) => receive(({ type }) => void heard.push(type))),
        supervisor: supervisor as unknown as SupervisorLogic,
        retryScheduler: createService('retryScheduler'),
        janitor: createService('janitor'),
      } as never,
      actions: { logCrash: note('logCrash'), giveUp: note('giveUp'), noteReading: note('noteReading') },
    })
    const input = { runsTenants, restart: policy, reconnect: policy.backoff, reconcileIntervalMs: 1_000, janitorIntervalMs: 60_000 }
    const manager = createActor(machine, { clock, input })
    manager.subscribe({ error: (error) => expect.fail(String(error)) })
    manager.start()
    return { manager, heard, shell }
  }
  const shard = supervisorIdOf(tenantId)

  it('passes each change of desired state on to the tenant’s supervisor, once', () => {
    const { manager, heard, shell } = start()
    manager.send({ type: 'tenant.ensure', desired: createDesired() })
    manager.send({ type: 'desired.read', reading: { kind: 'all', tenants: [createDesired()] } })
    manager.send({ type: 'desired.read', reading: { kind: 'all', tenants: [createDesired({ version: 2 })] } })
    expect(heard).to.deep.equal([`${shard} ensure 1`, `${shard} ensure 2`])
    expect(shell).to.deep.equal(['noteReading', 'noteReading'])
  })

  it('doubts a tenant that is missing from everything, and forgets it when it is missing by itself', () => {
    const { manager, heard } = start()
    manager.send({ type: 'tenant.ensure', desired: createDesired() })
    manager.send({ type: 'desired.read', reading: { kind: 'all', tenants: [] } })
    expect(heard.at(-1)).to.equal('hint.received')
    manager.send({ type: 'desired.read', reading: { kind: 'some', tenants: [], missing: [tenantId] } })
    expect(heard.at(-1)).to.equal(`${shard} forget`)
  })

  it('tells every tenant of the broker and of the ledger', () => {
    const { manager, heard } = start()
    manager.send({ type: 'broker.up' })
    manager.send({ type: 'broker.down', reason: 'lost' })
    manager.send({ type: 'ledger.stalled', reason: 'away' })
    manager.send({ type: 'ledger.resumed' })
    const tenants = ['broker.up', 'ledger.stalled', 'ledger.resumed']
    expect(heard.filter((event) => !event.includes(' '))).to.deep.equal(tenants)
  })

  it('tells the retry scheduler of the broker, as long as there is one', () => {
    const { manager, heard } = start()
    manager.send({ type: 'broker.up' })
    manager.send({ type: 'broker.down', reason: 'lost' })
    expect(heard.filter((event) => event.startsWith('retryScheduler'))).to.deep.equal([
      'retryScheduler broker.up',
      'retryScheduler broker.down',
    ])
    const serving = start(false)
    serving.manager.send({ type: 'broker.up' })
    serving.manager.send({ type: 'broker.down', reason: 'lost' })
    expect(serving.heard).to.deep.equal([])
  })

  it('gives up when the retry scheduler or the janitor crashes, since a new process can mend that', () => {
    for (const id of ['retryScheduler', 'janitor']) {
      const { manager, shell } = start()
      Reflect.get(manager.getSnapshot().children, id)?.send({ type: 'crash' })
      expect(shell).to.deep.equal(['logCrash', 'giveUp'])
      expect(manager.getSnapshot().status).to.equal('active')
    }
  })

  it('replaces a crashed supervisor, whose tenants are told anew with the next reading', () => {
    const { manager, heard, shell } = start()
    manager.send({ type: 'tenant.ensure', desired: createDesired() })
    const crashed = manager.getSnapshot().children[shard]
    crashed?.send({ type: 'tenants.tell', command: { type: 'tenant.abort' } })
    expect(shell).to.include('logCrash')
    expect(manager.getSnapshot().children[shard]).to.not.equal(crashed)
    expect(heard.at(-1)).to.equal('reconciler.now')
    manager.send({ type: 'desired.read', reading: { kind: 'all', tenants: [createDesired()] } })
    expect(heard.at(-1)).to.equal(`${shard} ensure 1`)
  })

  it('drains: ends every supervisor, and is done', () => {
    const { manager, heard } = start()
    expect(Object.keys(manager.getSnapshot().children)).to.have.length(shardCount + 5)
    manager.send({ type: 'manager.drain' })
    expect(manager.getSnapshot()).to.include({ value: 'drained', status: 'done' })
    expect(heard).to.deep.equal([])
    expect(Object.keys(manager.getSnapshot().children)).to.not.include.members(['retryScheduler', 'janitor'])
  })

  it('on a node that runs nothing only notes what it reads', () => {
    const { manager, heard, shell } = start(false)
    manager.send({ type: 'tenant.ensure', desired: createDesired() })
    manager.send({ type: 'desired.read', reading: { kind: 'all', tenants: [createDesired()] } })
    expect(heard).to.deep.equal([])
    expect(shell).to.deep.equal(['noteReading'])
    manager.send({ type: 'manager.drain' })
    expect(manager.getSnapshot().status).to.equal('done')
  })
})

describe('planTelling', () => {
  it('tells only of what is newer than what was told', () => {
    const plan = planTelling({ [tenantId]: 3 }, { kind: 'all', tenants: [createDesired({ version: 3 }), createDesired({ id: other })] })
    expect(plan).to.deep.equal({ ensure: [createDesired({ id: other })], forget: [], doubt: [], told: { [tenantId]: 3, [other]: 1 } })
    expect(planTelling(plan.told, { kind: 'some', tenants: [createDesired({ version: 2 })], missing: [] })).to.deep.include({
      ensure: [],
      told: plan.told,
    })
  })

  it('forgets only what was asked for by itself and told before', () => {
    const plan = planTelling({ [tenantId]: 1 }, { kind: 'some', tenants: [], missing: [tenantId, other] })
    expect(plan).to.deep.include({ forget: [tenantId], told: {} })
    expect(planTelling({ [tenantId]: 1 }, { kind: 'all', tenants: [] })).to.deep.include({ forget: [], doubt: [tenantId] })
  })
})

describe('shards', () => {
  it('spread tenants evenly, and always to the same supervisor', () => {
    const counts = Array.from({ length: shardCount }, () => 0)
    for (let index = 0; index < 256; index++) {
      const shard = shardOf(`018f3c1e-7b7a-7c3e-9a55-0f2b6f3c00${index.toString(16).padStart(2, '0')}` as TenantId)
      counts[shard] = (counts[shard] ?? 0) + 1
    }
    expect(new Set(counts)).to.deep.equal(new Set([4]))
  })
})
