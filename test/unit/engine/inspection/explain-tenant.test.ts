import { expect } from 'chai'
import { blocked } from '../../../../src/core/explanation.ts'
import { findTenantBlock, listTenantCauses, type TenantPicture } from '../../../../src/engine/inspection/explain-tenant.ts'
import { tenantId } from '../../../actors/support/samples.ts'
import { isRoute } from '../../../support/api-routes.ts'
import { backingOff, createNode, createTenantPicture, messageId, nowMs, runningWell } from './explain-samples.ts'

const codesOf = (picture: TenantPicture): readonly (string | null)[] => listTenantCauses(picture).map(({ blockedBy }) => blockedBy)
const stalled = blocked('database.unavailable', `Tenant ${tenantId} keeps what it holds.`)
const paused = blocked('tenant.paused', `Tenant ${tenantId} is paused.`)
const running = { messageId, worker: 3, sinceMs: nowMs - 12_000, untilMs: nowMs + 9_000 }

describe('the explanation of a tenant over all nodes', () => {
  it('says of one that runs without work that it has none', () => {
    const [main, ...also] = listTenantCauses(createTenantPicture())
    expect(main).to.deep.equal({
      sentence: `Tenant ${tenantId} runs with 2 workers and has nothing to do.`,
      blockedBy: null,
      until: null,
      remedy: null,
      detail: null,
    })
    expect(also).to.deep.equal([])
  })

  it('names the trouble of the only node first, and what waits after it', () => {
    const nodes = [createNode({ tenant: { explanation: backingOff, workers: 0 }, session: null })]
    const picture = createTenantPicture({ nodes, depth: { ready: 5, unacked: 0, dlq: 0 } })
    expect(codesOf(picture)).to.deep.equal(['tenant.backing_off', 'queue.waiting'])
    expect(listTenantCauses(picture)[0]).to.deep.equal(backingOff)
    expect(findTenantBlock(picture)).to.deep.equal(backingOff)
  })

  it('lets the trouble of one node come last while another runs messages, and names the node', () => {
    const nodes = [createNode(), createNode({ node: 'b', tenant: { explanation: backingOff, workers: 0 }, session: null })]
    const picture = createTenantPicture({ nodes, nextScheduledAt: new Date(nowMs + 1) })
    expect(findTenantBlock(picture)).to.equal(undefined)
    const [main, other] = listTenantCauses(picture)
    expect([main.blockedBy, other?.blockedBy]).to.deep.equal(['schedule.waiting', 'tenant.backing_off'])
    expect(other?.sentence).to.equal(`Tenant ${tenantId} waits before it tries again (on node b).`)
  })

  it('puts what was asked for before what has happened', () => {
    const nodes = [
      createNode({ tenant: { explanation: stalled, workers: 2 } }),
      createNode({ node: 'b', tenant: { explanation: paused, workers: 2 } }),
    ]
    expect(codesOf(createTenantPicture({ nodes }))).to.deep.equal(['tenant.paused', 'database.unavailable'])
  })

  it('tells of a pause also while its actors have another trouble, once', () => {
    const isPaused = { tenant: { id: tenantId, status: 'paused', workers: 2 } } as const
    const away = blocked('broker.unavailable', `Tenant ${tenantId} is not attached.`)
    const codesWith = (explanation: typeof away) =>
      codesOf(createTenantPicture({ ...isPaused, nodes: [createNode({ tenant: { explanation, workers: 0 } })] }))
    expect(codesWith(away)).to.deep.equal(['broker.unavailable', 'tenant.paused'])
    expect(codesWith(paused)).to.deep.equal(['tenant.paused'])
    expect(codesOf(createTenantPicture(isPaused)), 'one that runs has not heard of it yet').to.deep.equal([null])
  })

  it('says of a broker that does not answer that nobody knows what waits, unless its actors say it', () => {
    const silent = createTenantPicture({ isBrokerSilent: true, depth: undefined })
    expect(codesOf(silent)).to.deep.equal(['broker.unavailable'])
    const away = blocked('broker.unavailable', `Tenant ${tenantId} is not attached.`)
    expect(listTenantCauses({ ...silent, nodes: [createNode({ tenant: { explanation: away, workers: 0 } })] })).to.deep.equal([away])
  })

  it('says that no node runs it, and why', () => {
    const nobody = { nodes: [createNode({ tenant: null, session: null })] }
    const [unserved] = listTenantCauses(createTenantPicture({ ...nobody, isServed: false }))
    expect([unserved.blockedBy, unserved.sentence]).to.deep.equal([
      'tenant.unassigned',
      `No node runs tenant ${tenantId}, because no node with the role all or worker is alive; messages are accepted and wait.`,
    ])
    expect(listTenantCauses(createTenantPicture(nobody))[0].sentence).to.include('yet')
    for (const [status, code] of [
      ['paused', 'tenant.paused'],
      ['drained', 'tenant.drained'],
      ['deleting', 'tenant.deleting'],
    ] as const) {
      const picture = createTenantPicture({ ...nobody, tenant: { id: tenantId, status, workers: 1 } })
      expect(codesOf(picture)).to.deep.equal([code, 'tenant.unassigned'])
    }
  })

  it('tells of an open circuit until it lets a probe through, of several nodes the one that lasts longest', () => {
    const circuit = { destination: 'api.example', state: 'open', reason: 'card 4711' } as const
    const nodes = [1_000, 3_000].map((ms, index) => createNode({ node: `n${index}`, circuits: [{ ...circuit, untilMs: nowMs + ms }] }))
    const [main, ...also] = listTenantCauses(createTenantPicture({ nodes }))
    expect([main.blockedBy, main.until?.getTime(), also]).to.deep.equal(['circuit.open', nowMs + 3_000, []])
    expect(main.sentence).to.not.include('4711')
  })

  it('says that all workers are busy, with what and for how long, and how to have more', () => {
    const session = {
      inFlight: 3,
      inMailbox: 1,
      running: [{ ...running, worker: 1, sinceMs: nowMs - 50, untilMs: nowMs + 9_000 }, running],
    }
    const picture = createTenantPicture({ nodes: [createNode({ session })] })
    const [main] = listTenantCauses(picture)
    expect(main.blockedBy).to.equal('workers.busy')
    expect(main.sentence).to.equal(
      `All 2 workers of tenant ${tenantId} are busy while 1 message waits; worker 3 has run message ${messageId} longest, for 12 s.`,
    )
    expect(main.remedy && isRoute(main.remedy)).to.equal(true)
    expect(main.remedy?.body).to.deep.equal({ workers: 4 })
    const most = listTenantCauses({ ...picture, tenant: { ...picture.tenant, workers: 50 } })
    expect(most[0].remedy).to.equal(null)
  })

  it('reckons from the present rate when a backlog is done', () => {
    const nodes = [createNode({ ratePerSecond: 4, session: { inFlight: 2, inMailbox: 2, running: [] } })]
    const [main] = listTenantCauses(createTenantPicture({ nodes, depth: { ready: 38, unacked: 2, dlq: 0 } }))
    expect([main.blockedBy, main.until?.getTime()]).to.deep.equal(['queue.backlog', nowMs + 10_000])
    expect(main.sentence).to.include('38 messages in its queue and 2 in flight, and processes about 4.0 per second')
    const [idle] = listTenantCauses(createTenantPicture({ nodes: [createNode()], depth: { ready: 1, unacked: 0, dlq: 0 } }))
    expect([idle.until, idle.sentence.includes('none was processed')]).to.deep.equal([null, true])
  })

  it('tells of retries and schedules that wait, and until when', () => {
    const picture = createTenantPicture({
      retries: { count: 2, nextRetryAt: new Date(nowMs + 700) },
      nextScheduledAt: new Date(nowMs + 900),
    })
    const [retries, schedules] = listTenantCauses(picture)
    expect([retries.blockedBy, retries.until?.getTime()]).to.deep.equal(['retry.waiting', nowMs + 700])
    expect(retries.remedy && isRoute(retries.remedy)).to.equal(true)
    expect([schedules?.blockedBy, schedules?.until?.getTime()]).to.deep.equal(['schedule.waiting', nowMs + 900])
  })

  it('recommends no retry in a tenant that runs none, and says what becomes of what waits', () => {
    const waiting = { retries: { count: 2, nextRetryAt: new Date(nowMs - 700) }, nextScheduledAt: new Date(nowMs + 900) }
    for (const [code, outlook] of [
      ['paused', 'none is run before the tenant is resumed'],
      ['drained', 'none is run before the tenant is resumed'],
      ['deleting', 'they are discarded with the tenant'],
    ] as const) {
      const explanation = blocked(`tenant.${code}`, `Tenant ${tenantId} is ${code}.`)
      const nodes = [createNode({ tenant: { explanation, workers: 0 } })]
      const [main, ...also] = listTenantCauses(createTenantPicture({ ...waiting, nodes }))
      expect([main.blockedBy, ...also.map(({ blockedBy }) => blockedBy)]).to.deep.equal([
        ...[`tenant.${code}`, 'retry.waiting', 'schedule.waiting'],
      ])
      for (const { sentence, until, remedy } of also)
        expect([sentence.endsWith(`; ${outlook}.`), until, remedy]).to.deep.equal([true, null, null])
    }
  })

  it('lets the node speak that still works, of several that stop', () => {
    const on = (node: string, explanation: typeof paused, session: { inFlight: number; inMailbox: number; running: [] } | null) =>
      createNode({ node, tenant: { explanation, workers: 0 }, session })
    const empty = { inFlight: 0, inMailbox: 0, running: [] } as { inFlight: number; inMailbox: number; running: [] }
    const drained = on('a', blocked('tenant.drained', `Tenant ${tenantId} was drained.`), null)
    const draining = on('b', blocked('tenant.draining', `Tenant ${tenantId} works its queue off.`), empty)
    const drain = createTenantPicture({ tenant: { id: tenantId, status: 'drained', workers: 2 }, nodes: [drained, draining] })
    expect(codesOf(drain)).to.deep.equal(['tenant.draining', 'tenant.drained'])
    expect(findTenantBlock(drain)?.sentence).to.equal(`Tenant ${tenantId} works its queue off (on node b).`)
    const until = new Date(nowMs + 9_000)
    const waits = on('a', blocked('tenant.deleting', `Tenant ${tenantId} waits for another node.`, { until: new Date(nowMs + 200) }), null)
    const empties = on('b', blocked('tenant.deleting', `Tenant ${tenantId} works its queue off; 3 messages are left.`, { until }), empty)
    const deletion = createTenantPicture({ tenant: { id: tenantId, status: 'deleting', workers: 2 }, nodes: [waits, empties] })
    expect(listTenantCauses(deletion)).to.deep.equal([empties.tenant?.explanation])
  })

  it('tells of an alarm of the broker, which stops no message that it holds', () => {
    const picture = createTenantPicture({ nodes: [createNode({ link: 'blocked', tenant: { explanation: runningWell, workers: 2 } })] })
    expect(codesOf(picture)).to.deep.equal(['broker.blocked'])
    expect(findTenantBlock(picture)).to.equal(undefined)
  })
})
