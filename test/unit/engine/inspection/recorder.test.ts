import { expect } from 'chai'
import type { InspectionEvent } from 'xstate'
import { explainActor } from '../../../../actors/index.ts'
import type { ActorKind, FlightDump } from '../../../../src/core/ports/inspection.ts'
import { createRecorder, type RecordedChange } from '../../../../src/engine/inspection/recorder.ts'
import { replay } from '../../../../src/engine/inspection/replay.ts'
import { node, type Rig, settled, startNode, tenantIdAt } from './rig.ts'

const tenantId = tenantIdAt(0)
const tenant = `tenant:${tenantId}`
const worker = `${tenant}.worker:1`

async function startServing(): Promise<Rig> {
  const rig = startNode({ serves: true })
  rig.desire(tenantId)
  await settled()
  return rig
}

function dumpOf({ actors, recorder }: Rig, id: string): FlightDump {
  const ref = actors.refOf(id)
  const dump = ref && recorder.dump(ref, null)
  if (!dump) throw new Error(`${id} has no record`)
  return dump
}

const transitionsOf = ({ actors }: Rig, id: string) => actors.find(id)?.transitions ?? []

describe('the flight recorder', () => {
  it('tells an actor’s transitions from its start on', async () => {
    const rig = await startServing()
    const told = transitionsOf(rig, tenant).map(({ event, from, to }) => [event, from, to])
    expect(told).to.deep.include.members([
      ['xstate.init', null, 'provisioning'],
      ['xstate.done.actor.0.tenant.provisioning', 'provisioning', 'attaching'],
      ['consumer.opened', 'attaching', 'running'],
    ])
  })

  it('remembers the last 16 to 32 of ten thousand, and enough to play them again', async () => {
    const rig = await startServing()
    for (let round = 0; round < 5_000; round++) {
      rig.send(worker, { type: 'mailbox.ready' })
      rig.say(`${worker}.loop`, { type: 'loop.emptied' })
    }
    rig.send(worker, { type: 'mailbox.ready' })
    expect(transitionsOf(rig, worker).length).to.be.within(16, 32)
    expect(transitionsOf(rig, worker).at(-1)).to.include({ event: 'mailbox.ready', from: 'idle', to: 'busy.working' })
    const dump = dumpOf(rig, worker)
    expect(dump.entries.length).to.be.within(16, 32)
    expect(replay(dump).differences).to.deep.equal([])
  })

  it('knows since when an actor is in its state, and not since when in its inner ones', async () => {
    let nowMs = 1_000
    const rig = startNode({ serves: true, nowMs: () => nowMs })
    rig.desire(tenantId)
    await settled()
    nowMs = 2_000
    rig.desire(tenantId, { workers: 3 })
    expect(rig.actors.find(tenant)?.since.getTime()).to.equal(1_000)
    rig.desire(tenantId, { status: 'paused' })
    expect(rig.actors.find(tenant)?.since.getTime()).to.equal(2_000)
    expect(rig.actors.find(`${tenant}.consumer`)?.since.getTime()).to.equal(1_000)
  })

  it('knows when the timers of a state began: also where its name stays the same, and where it is entered anew', async () => {
    let nowMs = 1_000
    const rig = startNode({ serves: true, nowMs: () => nowMs })
    const untilOf = (id: string, kind: ActorKind): number | undefined => {
      const ref = rig.actors.refOf(id)
      const facts = { nowMs: nowMs + 1, sinceMs: ref && rig.recorder.enteredMs(ref) }
      return explainActor({ kind, id, snapshot: ref?.getSnapshot() }, facts).until?.getTime()
    }
    const at = (ms: number): void => {
      nowMs = ms
    }
    rig.desire(tenantId)
    await settled()
    at(10_000)
    rig.desire(tenantId, { status: 'deleting', deletion: { mode: 'drain', deadlineAtMs: 9_000_000 } })
    at(40_000)
    rig.say(`${tenant}.watchQueue`, { type: 'queue.emptied' })
    expect(rig.actors.find(tenant)).to.deep.include({ state: 'draining', since: new Date(10_000) })
    expect(untilOf(tenant, 'tenant')).to.equal(50_000)

    for (let round = 0; round < 20; round++) rig.desire(tenantId)
    expect(untilOf(tenant, 'tenant'), 'in a later segment of the record').to.equal(50_000)

    await rig.answer('claim', { count: 0, more: false, nextDueAtMs: 4_000_000, dueSinceMs: undefined, tookMs: 1 })
    expect(untilOf('retryScheduler', 'retryScheduler')).to.equal(50_000)
    at(45_000)
    rig.say('retryScheduler.watchDue', { type: 'retry.due', atMs: 3_000_000 })
    expect(rig.actors.find('retryScheduler')).to.deep.include({ state: 'waiting', since: new Date(40_000) })
    expect(untilOf('retryScheduler', 'retryScheduler')).to.equal(55_000)
  })

  it('writes down the event on which a machine crashed, and where it was', async () => {
    const rig = await startServing()
    rig.crashNext(new TypeError('boom: token=canary-token'))
    rig.desire(tenantId, { workers: 3, config: { password: 'canary-config' } })
    expect(rig.incidents).to.have.length(1)
    const [dump] = rig.incidents
    expect(dump).to.deep.include({ actorId: tenant, machine: 'tenant', tenantId, node })
    expect(dump?.reason).to.match(/^boom/)
    expect(dump?.crash?.event).to.have.property('type', 'tenant.desire')
    expect(dump?.last).to.have.nested.property('value.attached.serving.activity', 'running')
    expect(dump && replay(dump).differences).to.deep.equal([])
    expect(JSON.stringify(rig.incidents)).not.to.contain('canary')
  })

  it('writes down a worker whose loop has crashed, and a tenant that is quarantined', async () => {
    const rig = await startServing()
    for (let crash = 0; crash < 3; crash++) {
      rig.send(worker, { type: 'mailbox.ready' })
      rig.say(`${worker}.loop`, { type: 'loop.crashed', reason: `boom ${crash}` })
      rig.clock.increment(2_000)
    }
    expect(rig.incidents.map(({ machine, reason }) => [machine, reason])).to.have.deep.members([
      ['worker', 'boom 0'],
      ['worker', 'boom 1'],
      ['worker', 'boom 2'],
      ['tenant', 'boom 2'],
    ])
    expect(rig.incidents[0]?.crash).to.deep.equal({ event: { type: 'loop.crashed', reason: 'boom 0' }, error: 'boom 0' })
    for (const dump of rig.incidents) expect(replay(dump).differences, dump.machine).to.deep.equal([])
  })

  it('leaves out what is large and decides nothing: settings, and the desired state of everybody', async () => {
    const rig = await startServing()
    const large = { text: 'x'.repeat(10_000) }
    rig.desire(tenantId, { config: large })
    const tenants = Array.from({ length: 500 }, (_, index) => ({ id: tenantIdAt(index), config: large, version: 1 }))
    await rig.answer('readDesired', { kind: 'all', tenants })
    for (const id of [tenant, 'supervisor:0', 'reconciler', 'tenantManager']) {
      expect(JSON.stringify(dumpOf(rig, id)).length, id).to.be.lessThan(60_000)
      expect(replay(dumpOf(rig, id)).differences, id).to.deep.equal([])
    }
  })

  it('tells its listener of spawns, transitions, ends and crashes, while there is one', async () => {
    const rig = await startServing()
    const heard: RecordedChange[] = []
    rig.recorder.listen((change) => void heard.push(change))
    rig.send(worker, { type: 'mailbox.ready' })
    rig.send(worker, { type: 'worker.finish' })
    rig.say(`${worker}.loop`, { type: 'loop.emptied' })
    rig.crashNext(new Error('boom'))
    rig.desire(tenantId)
    rig.recorder.listen(undefined)
    rig.clock.increment(2_000)
    const told = heard.map(({ kind, ref, event, from, to }) => [kind, ref.id, event, from, to])
    expect(told).to.deep.include.members([
      ['spawned', 'loop', 'xstate.init', null, 'active'],
      ['transition', 'worker:1', 'mailbox.ready', 'idle', 'busy.working'],
      ['transition', 'worker:1', 'worker.finish', 'busy.working', 'busy.finishing'],
      ['stopped', 'loop', 'xstate.stop', 'active', 'stopped'],
      ['stopped', 'worker:1', 'loop.emptied', 'busy.finishing', 'stopped'],
      ['crashed', tenant, 'tenant.desire', 'running', 'error'],
    ])
    expect(told.filter(([kind]) => kind === 'crashed')).to.have.length(1)
    expect(rig.actors.find(tenant)?.state, 'started again, unheard').to.equal('provisioning')
    expect(heard.some(({ event, to }) => event === 'xstate.init' && to === 'provisioning')).to.equal(false)
  })

  it('tells nothing of tasks to a listener that does not want them', async () => {
    const rig = await startServing()
    const heard: string[] = []
    rig.recorder.listen(
      ({ ref }) => void heard.push(ref.id),
      () => false,
    )
    rig.send(worker, { type: 'mailbox.ready' })
    rig.send(worker, { type: 'worker.finish' })
    rig.say(`${worker}.loop`, { type: 'loop.emptied' })
    expect(heard).to.include('worker:1').and.not.include('loop')
  })

  it('throws at nothing: neither at odd events, nor when those whom it tells do', async () => {
    const troubles: unknown[] = []
    const boom = (): never => {
      throw new Error('boom')
    }
    const recorder = createRecorder({
      node,
      onIncident: boom,
      onTrouble: (error) => {
        troubles.push(error)
        boom()
      },
    })
    const odd: readonly unknown[] = [undefined, null, 'text', {}, { type: '@xstate.snapshot' }, { type: '@xstate.event', actorRef: {} }]
    for (const event of odd) recorder.observe(event as InspectionEvent)
    expect(troubles).to.have.length(1)

    const rig = await startServing()
    rig.recorder.listen(boom)
    rig.crashNext(new Error('crashed'))
    rig.desire(tenantId)
    expect(rig.incidents, 'a listener that throws hides no incident').to.have.length(1)
  })
})
