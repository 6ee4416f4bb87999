import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import { toStatements } from '../../../src/database/client.ts'
import { createAuditStore } from '../../../src/database/repositories/audit-store.ts'
import { createFailureStore } from '../../../src/database/repositories/failure-store.ts'
import { createMessageStore } from '../../../src/database/repositories/message-store.ts'
import { createScheduleStore } from '../../../src/database/repositories/schedule-store.ts'
import { createSlowWork } from '../../../src/database/slow-work.ts'
import { createTurns } from '../../../src/database/turns.ts'
import { codeOf, newTenantId } from './fixtures.ts'

/** Work that says when it has begun, and ends when the test lets it. */
function createGate() {
  const begun = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const work = () => {
    begun.resolve()
    return opened.promise
  }
  return { work, begun: begun.promise, open: opened.resolve }
}

const poolOf = (max: number) => ({ pool: { options: { max } } }) as Parameters<typeof createSlowWork>[0]

describe('slow work', () => {
  it('of one tenant is one command at a time, and the tenants take turns batch by batch', async () => {
    const slowWork = createSlowWork(poolOf(1))
    const order: string[] = []
    const command = (tenantId: TenantId, name: string, batches: number) =>
      slowWork.command(tenantId, async () => {
        for (let number = 1; number <= batches; number++) await slowWork.batch(async () => void order.push(`${name}${number}`))
      })
    const [first, second] = [newTenantId(), newTenantId()]
    await Promise.all([command(first, 'a', 3), command(first, 'b', 2), command(second, 'c', 3)])
    expect(order).to.deep.equal(['a1', 'c1', 'a2', 'c2', 'a3', 'c3', 'b1', 'b2'])
  })

  it('of each kind waits for none of the others, in the smallest pool', async () => {
    const slowWork = createSlowWork(poolOf(1))
    const [batch, letter] = [createGate(), createGate()]
    const command = slowWork.command(newTenantId(), () => slowWork.batch(batch.work))
    const letters = slowWork.background(letter.work)
    await Promise.all([batch.begun, letter.begun])
    expect(await slowWork.read(async () => 'a list')).to.equal('a list')
    batch.open()
    letter.open()
    await Promise.all([command, letters])
  })

  it('leaves a place for another tenant, whatever one of them asks for', async () => {
    const slowWork = createSlowWork(poolOf(9))
    const gates = Array.from({ length: 5 }, createGate)
    const [greedy, modest] = [newTenantId(), newTenantId()]
    const held = gates.map(({ work }) => slowWork.read(work, greedy))
    await Promise.all([gates[0]?.begun, gates[1]?.begun])
    expect(await slowWork.read(async () => 'a list', modest)).to.equal('a list')
    for (const { open } of gates) open()
    await Promise.all(held)
  })

  it('of different owners takes turns, and those who wait refuse nobody but their own', async () => {
    const gate = createGate()
    const turns = createTurns({ places: 1, maxWaiting: 3, maxWaitMs: 10_000, doing: 'lists are being read' })
    const order: string[] = []
    const held = turns(gate.work)
    await gate.begun
    const ask = (owner: string, number: number) => turns(async () => void order.push(`${owner}${number}`), owner)
    const asked = [ask('a', 1), ask('a', 2), ask('a', 3), ask('a', 4), ask('b', 1), ask('b', 2)]
    expect(await codeOf(ask('a', 5))).to.equal('database.unavailable')
    gate.open()
    await Promise.all([held, ...asked])
    expect(order).to.deep.equal(['a1', 'b1', 'a2', 'b2', 'a3', 'a4'])
  })

  it('is every list, in the turn of its tenant', async () => {
    const owners: (string | undefined)[] = []
    const slowWork = createSlowWork(poolOf(1))
    const watched: typeof slowWork = {
      ...slowWork,
      read: (work, owner) => {
        owners.push(owner)
        return work()
      },
    }
    const client = toStatements(async () => [])
    const [tenantId, limit] = [newTenantId(), 1]
    await createMessageStore(client, client, watched).list({ tenantId, limit })
    await createScheduleStore(client, client, watched).list({ tenantId, limit })
    await createAuditStore(client, client, watched).list({ tenantId, limit })
    const failures = createFailureStore(client, client, watched)
    await Promise.all([failures.list({ tenantId, limit }), failures.stats(tenantId), failures.count(tenantId, {})])
    expect(owners).to.deep.equal(Array.from({ length: 6 }, () => tenantId))
  })

  it('leaves its place when it fails', async () => {
    const slowWork = createSlowWork(poolOf(1))
    const tenantId = newTenantId()
    const fail = () => Promise.reject(new TypeError('on purpose'))
    for (let round = 0; round < 3; round++) {
      expect(await slowWork.command(tenantId, () => slowWork.batch(fail)).catch(String)).to.equal('TypeError: on purpose')
      expect(await slowWork.read(fail).catch(String)).to.equal('TypeError: on purpose')
    }
  })

  it('is refused when too many wait, and when its turn does not come', async () => {
    const gate = createGate()
    const turns = createTurns({ places: 1, maxWaiting: 1, maxWaitMs: 20, doing: 'lists are being read' })
    const held = turns(gate.work)
    await gate.begun
    let ran = false
    const late = turns(async () => {
      ran = true
    })
    expect(await codeOf(turns(async () => undefined))).to.equal('database.unavailable')
    expect(await codeOf(late)).to.equal('database.unavailable')
    gate.open()
    await held
    expect(await turns(async () => 'next')).to.equal('next')
    expect(ran).to.equal(false)
  })
})
