import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import type { ClaimedSchedule } from '../../../src/core/ports/schedule-store.ts'
import type { TenantStatus } from '../../../src/core/tenant.ts'
import type { Database } from '../../../src/database/index.ts'
import { claiming } from '../../../src/database/repositories/schedule-claims.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { codeOf, newMessageId, newTenant, newTenantId } from './fixtures.ts'

const hourMs = 3_600_000
const longLeaseMs = hourMs

function newScheduled(tenantId: TenantId, fields: Partial<OutboundMessage> = {}): OutboundMessage {
  const createdAtMs = Date.now() - hourMs
  return {
    tenantId,
    id: newMessageId(),
    type: 'order.reminder',
    priority: 0,
    key: null,
    createdAtMs,
    readyAtMs: createdAtMs + 1_000,
    attempt: 1,
    firstAttempt: 1,
    body: '{"amount":1}',
    ...fields,
  }
}

const idsOf = (claims: readonly ClaimedSchedule[]) => claims.map((claim) => claim.message.id)

describe('the schedule store', () => {
  let database: TestDatabase
  let node: Database
  let other: Database
  let tenantId: TenantId

  beforeEach(async () => {
    database = await createTestDatabase()
    node = await database.open()
    other = await database.open()
    tenantId = await addTenant()
  })
  afterEach(() => database[Symbol.asyncDispose]())

  async function addTenant(status: TenantStatus = 'active'): Promise<TenantId> {
    const { id } = await node.tenants.create(newTenant())
    if (status === 'deleting') await node.tenants.update(id, { status, deletion: { mode: 'discard', deadlineAtMs: 1 } })
    else await node.tenants.update(id, { status })
    return id
  }

  async function schedule(count: number, fields: Partial<OutboundMessage> = {}): Promise<OutboundMessage[]> {
    const messages = Array.from({ length: count }, (_, index) => {
      const message = newScheduled(fields.tenantId ?? tenantId, fields)
      return { ...message, readyAtMs: message.readyAtMs + index }
    })
    await node.schedules.schedule(messages)
    return messages
  }

  async function explain(text: string, values: readonly unknown[]): Promise<string> {
    const rows = await database.query<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values])
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }

  describe('keeping', () => {
    it('gives back what it was told to keep', async () => {
      const body = '{"text":"a \\"quoted\\" \\\\ \u{1f600}","big":12345678901234567890,"a":1,"a":2}'
      const message = newScheduled(tenantId, { body, key: 'k,"1"', priority: 2, readyAtMs: Date.now() + hourMs })
      await node.schedules.schedule([message])
      const found = await other.schedules.find(tenantId, message.id)
      expect(found).to.deep.equal({
        id: message.id,
        tenantId,
        type: 'order.reminder',
        data: JSON.parse(body),
        priority: 2,
        key: 'k,"1"',
        createdAt: new Date(message.createdAtMs),
        scheduledAt: new Date(message.readyAtMs),
      })
      expect((await node.schedules.list({ tenantId, limit: 5 })).messages).to.deep.equal([found])
    })

    it('keeps nothing when there is nothing', async () => {
      await node.schedules.schedule([])
    })

    it('leaves a message as it is that is there already', async () => {
      const [message] = await schedule(1)
      if (message === undefined) throw new Error('nothing was scheduled')
      const fresh = newScheduled(tenantId)
      await node.schedules.schedule([{ ...message, type: 'second' }, fresh, { ...fresh, type: 'third' }])
      expect((await node.schedules.find(tenantId, message.id))?.type).to.equal('order.reminder')
      expect((await node.schedules.list({ tenantId, limit: 5 })).messages.map(({ type }) => type)).to.deep.equal([
        'order.reminder',
        'order.reminder',
      ])
    })

    for (const [name, fields, code] of [
      ['a NUL in its key', { key: 'a\u0000b' }, 'database.refused_row'],
      ['a date out of range', { readyAtMs: 1e300 }, 'database.refused_row'],
      ['an id that is no UUID', { id: 'a,b' as never }, 'database.refused_row'],
      ['a tenant that is not there', { tenantId: newTenantId() }, 'tenant.missing'],
    ] as const) {
      it(`keeps none when one has ${name}`, async () => {
        const good = newScheduled(tenantId)
        expect(await codeOf(node.schedules.schedule([good, newScheduled(tenantId, fields)]))).to.equal(code)
        expect(await node.schedules.find(tenantId, good.id)).to.equal(undefined)
      })
    }

    it('lists the soonest first, filtered by type and time, in pages that keep microseconds apart', async () => {
      const base = 1_700_000_000_000
      const messages = await schedule(6, { readyAtMs: base })
      await schedule(1, { readyAtMs: base + 60_000, type: 'other' })
      await schedule(1, { tenantId: await addTenant(), readyAtMs: base })
      await database.query(
        "update scheduled_messages set scheduled_at = to_timestamp($1) + (extract(milliseconds from scheduled_at)::int % 1000 / 2) * interval '1 microsecond' where type <> 'other' and tenant_id = $2",
        [base / 1_000, tenantId],
      )
      const read: string[] = []
      let after: Parameters<typeof node.schedules.list>[0]['after']
      do {
        const page = await node.schedules.list({ tenantId, type: 'order.reminder', limit: 2, ...(after === undefined ? {} : { after }) })
        read.push(...page.messages.map(({ id }) => id))
        after = page.next
      } while (after !== undefined)
      expect(read).to.have.members(messages.map(({ id }) => id))
      expect(read).to.have.length(6)
      const count = async (range: { since?: Date; until?: Date }) =>
        (await node.schedules.list({ tenantId, limit: 9, ...range })).messages.length
      expect(await count({ since: new Date(base + 1_000) })).to.equal(1)
      expect(await count({ until: new Date(base + 60_000) })).to.equal(6)
    })

    it('ends a page by its size as well', async () => {
      const messages = await schedule(5, { body: JSON.stringify('x'.repeat(1_500_000)) })
      const first = await node.schedules.list({ tenantId, limit: 50 })
      expect(first.messages.map(({ id }) => id)).to.deep.equal(messages.slice(0, 3).map(({ id }) => id))
      const rest = await node.schedules.list({ tenantId, limit: 50, ...(first.next === undefined ? {} : { after: first.next }) })
      expect(rest.messages.map(({ id }) => id)).to.deep.equal(messages.slice(3).map(({ id }) => id))
      expect(rest.next).to.equal(undefined)
    })
  })

  describe('claiming', () => {
    it('takes what is due, as the first attempt of a message that may have been published before', async () => {
      const [due] = await schedule(1, { key: 'k', priority: 1, body: '{"a": 1}' })
      const atOnce = newScheduled(tenantId)
      const later = newScheduled(tenantId, { readyAtMs: Date.now() + hourMs })
      await node.schedules.schedule([{ ...atOnce, readyAtMs: atOnce.createdAtMs }, later])
      const { claimed, more } = await node.schedules.claimDue(10, longLeaseMs)
      expect(claimed.map(({ message }) => message)).to.have.deep.members([due, { ...atOnce, readyAtMs: atOnce.createdAtMs + 1 }])
      expect(more).to.equal(false)
      expect((await other.schedules.claimDue(10, longLeaseMs)).claimed).to.deep.equal([])
    })

    it('takes those of active and paused tenants only', async () => {
      const tenants = new Map<TenantStatus, TenantId>()
      for (const status of ['active', 'paused', 'drained', 'deleting'] as const) tenants.set(status, await addTenant(status))
      for (const id of tenants.values()) await schedule(2, { tenantId: id })
      const { claimed } = await node.schedules.claimDue(100, longLeaseMs)
      expect(new Set(claimed.map(({ message }) => message.tenantId))).to.have.all.keys([tenants.get('active'), tenants.get('paused')])
      expect(claimed).to.have.length(4)
    })

    it('gives each tenant a share, the oldest first, and says that there is more', async () => {
      const greedy = await schedule(30)
      const modest = await schedule(2, { tenantId: await addTenant(), readyAtMs: Date.now() - 1_000 })
      const first = await node.schedules.claimDue(10, longLeaseMs)
      expect(idsOf(first.claimed)).to.have.members([...greedy.slice(0, 5), ...modest].map(({ id }) => id))
      expect(first.more).to.equal(true)
      const second = await node.schedules.claimDue(10, longLeaseMs)
      expect(idsOf(second.claimed)).to.deep.equal(greedy.slice(5, 15).map(({ id }) => id))
      const third = await node.schedules.claimDue(100, longLeaseMs)
      expect(idsOf(third.claimed)).to.have.length(15)
      expect(third.more).to.equal(false)
    })

    it('comes to every tenant when there are more of them than it may take, however old the work of some', async () => {
      const tenants = [tenantId]
      for (let count = 1; count < 6; count++) tenants.push(await addTenant())
      for (const [index, id] of tenants.entries()) await schedule(200, { tenantId: id, readyAtMs: 1_000_000 * index })
      const served = new Set<TenantId>()
      await eventually(async () => {
        const { claimed } = await node.schedules.claimDue(2, longLeaseMs)
        for (const { message } of claimed) served.add(message.tenantId)
        return served.size === tenants.length
      })
    })

    it('takes no more bodies at once than a process can bear, and says that there are more', async () => {
      await schedule(9, { body: JSON.stringify('x'.repeat(4_000_000)) })
      const calls = []
      for (let call = 0; call < 3; call++) calls.push(await node.schedules.claimDue(100, longLeaseMs))
      expect(calls.map(({ claimed }) => claimed.length)).to.deep.equal([5, 4, 0])
      expect(calls.map(({ more }) => more)).to.deep.equal([true, false, false])
    })

    it('reads the table by its indexes', async () => {
      for (let count = 0; count < 9; count++) await addTenant()
      await database.query(
        `insert into scheduled_messages (tenant_id, id, type, body, priority, created_at, scheduled_at, release_at)
         select t.id, gen_random_uuid(), 'a', '{}', 0, now(), now() - n * interval '1 minute', now() - n * interval '1 minute'
         from tenants t, generate_series(-2000, 3000) n`,
      )
      await database.query('analyze scheduled_messages')
      const plan = await explain(claiming, [newMessageId(), 500, 1_000, 1_000_000])
      expect(plan).not.to.include('Seq Scan on scheduled_messages')
      // The index by time alone tells whether anything is due; whose it is, the other one tells.
      expect(plan.match(/Scan using scheduled_messages_next_idx/g)).to.have.length(1)
      expect(plan.match(/Scan using scheduled_messages_due_idx/g)).to.have.length.at.least(2)
      expect((await node.schedules.claimDue(500, longLeaseMs)).claimed).to.have.length(500)
    })

    it('shares the work between two nodes without overlap', async () => {
      const messages = [...(await schedule(300)), ...(await schedule(200, { tenantId: await addTenant() }))]
      const takeAll = async (of: Database) => {
        const taken: string[] = []
        for (;;) {
          const { claimed } = await of.schedules.claimDue(7, longLeaseMs)
          // Nothing may be left, or the other node may be taking the very rows: the count tells.
          if (claimed.length === 0 && (await countUnclaimed()) === 0) return taken
          taken.push(...idsOf(claimed))
        }
      }
      const countUnclaimed = async () =>
        Number((await database.query<{ n: number }>('select count(*)::int as n from scheduled_messages where claim is null'))[0]?.n)
      const taken = (await Promise.all([takeAll(node), takeAll(other), takeAll(node)])).flat()
      expect(taken).to.have.length(500)
      expect(taken).to.have.members(messages.map(({ id }) => id))
    })

    it('takes a message again when the lease of the node that had it is over; that node can do nothing more', async () => {
      const [message] = await schedule(1)
      const lost = (await node.schedules.claimDue(10, 1)).claimed
      const found = await eventually(async () => {
        const { claimed } = await other.schedules.claimDue(10, longLeaseMs)
        expect(idsOf(claimed)).to.deep.equal([message?.id])
        return claimed
      })
      await node.schedules.released(lost)
      await node.schedules.giveBack(lost, 0)
      expect((await node.schedules.claimDue(10, longLeaseMs)).claimed).to.deep.equal([])
      await other.schedules.released(found)
      expect((await node.schedules.list({ tenantId, limit: 5 })).messages).to.deep.equal([])
    })

    it('forgets what is released, and takes what was given back after the delay', async () => {
      await schedule(4)
      const [first, second, ...rest] = (await node.schedules.claimDue(10, longLeaseMs)).claimed
      if (first === undefined || second === undefined) throw new Error('too few are claimed')
      await node.schedules.released([first])
      await node.schedules.giveBack([second], 0)
      await node.schedules.giveBack(rest, hourMs)
      await node.schedules.released([])
      await node.schedules.giveBack([], 0)
      expect(idsOf((await other.schedules.claimDue(10, longLeaseMs)).claimed)).to.deep.equal([second.message.id])
      expect((await node.schedules.list({ tenantId, limit: 5 })).messages).to.have.length(3)
    })

    it('tells when the next message is due, and for how long the oldest has been', async () => {
      expect((await node.schedules.claimDue(10, longLeaseMs)).nextDueInMs).to.equal(undefined)
      await schedule(1, { readyAtMs: Date.now() + 2 * hourMs })
      await schedule(1)
      await schedule(1, { readyAtMs: Date.now() - 2 * hourMs })
      const { claimed, nextDueInMs, oldestDueMs } = await node.schedules.claimDue(10, longLeaseMs)
      expect(claimed).to.have.length(2)
      expect(oldestDueMs).to.be.within(2 * hourMs, 3 * hourMs)
      expect(nextDueInMs).to.be.within(hourMs, 3 * hourMs)
      const none = await other.schedules.claimDue(10, longLeaseMs)
      expect(none.nextDueInMs).to.be.at.most(longLeaseMs)
      expect(none.oldestDueMs).to.equal(undefined)
    })
  })

  describe('cancelling', () => {
    it('cancels a message that waits, and none that a node holds or has released', async () => {
      const [waiting] = await schedule(1, { readyAtMs: Date.now() + hourMs })
      const [due] = await schedule(1)
      if (waiting === undefined || due === undefined) throw new Error('nothing was scheduled')
      expect(await node.schedules.cancel(newTenantId(), waiting.id)).to.equal('absent')
      expect(await node.schedules.cancel(tenantId, waiting.id)).to.equal('cancelled')
      expect(await node.schedules.cancel(tenantId, waiting.id)).to.equal('absent')
      const { claimed } = await node.schedules.claimDue(10, longLeaseMs)
      expect(await other.schedules.cancel(tenantId, due.id)).to.equal('releasing')
      await node.schedules.released(claimed)
      expect(await other.schedules.cancel(tenantId, due.id)).to.equal('absent')
    })

    it('never says that a message is cancelled which may have been published: its node has died, or given it back', async () => {
      const [message] = await schedule(1)
      if (message === undefined) throw new Error('nothing was scheduled')
      const { claimed } = await node.schedules.claimDue(10, 0)
      expect(await other.schedules.cancel(tenantId, message.id)).to.equal('releasing')
      await node.schedules.giveBack(claimed, hourMs)
      expect(await other.schedules.cancel(tenantId, message.id)).to.equal('releasing')
    })

    it('either cancels a message or lets it be claimed, when both are asked for at once', async () => {
      const messages = await schedule(60)
      const claims: ClaimedSchedule[] = []
      const claiming = (async () => {
        for (let call = 0; call < 20; call++) claims.push(...(await node.schedules.claimDue(3, longLeaseMs)).claimed)
      })()
      const answers = await Promise.all(
        messages.toReversed().map(async ({ id }) => [id, await other.schedules.cancel(tenantId, id)] as const),
      )
      await claiming
      const cancelled = answers.filter(([, answer]) => answer === 'cancelled').map(([id]) => id)
      expect([...cancelled, ...idsOf(claims)]).to.have.members(messages.map(({ id }) => id))
      expect(cancelled.length + claims.length).to.equal(60)
    })
  })
})
