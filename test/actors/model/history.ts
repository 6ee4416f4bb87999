/** Carries commands out on a world, and keeps what the clients and operators were told. */
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import type { Broker } from '../../../src/core/ports/broker.ts'
import type { DesiredTenant } from '../../../src/core/tenant.ts'
import type { Command } from './commands.ts'
import { createLink, type Link } from './link.ts'
import { createMemoryFailureStore } from './memory-failure-store.ts'
import type { MessageType } from './memory-handlers.ts'
import { createMemoryScheduleStore } from './memory-stores.ts'
import type { World } from './world.ts'

/** What a client knows of a message it has sent. */
export interface Sent {
  readonly message: OutboundMessage
  readonly type: MessageType
  /** It was told that the message is durable. */
  accepted: boolean
  /** It was told something: that it is durable, or that nobody knows. */
  answered: boolean
  readonly scheduled: boolean
  /** An operator was told that it is cancelled: it will never run. */
  cancelled: boolean
  /** An operator was told that it is given up. */
  discarded: boolean
}

export interface History {
  readonly sent: readonly Sent[]
  /** Tenants that were created, and not asked to go. */
  readonly kept: readonly TenantId[]
  readonly leaving: readonly TenantId[]
  readonly undecodable: readonly { readonly tenantId: TenantId; readonly body: string }[]
  /** Requests without an answer. */
  readonly pending: number
  perform(command: Command): Promise<void>
}

export function createHistory(world: World): History {
  const { time, broker, database } = world
  const brokerLink = createLink(time, 'broker.unavailable')
  const databaseLink = createLink(time, 'database.unavailable')
  const api: Broker = broker.attach(brokerLink)
  const failures = createMemoryFailureStore(database, databaseLink)
  const schedules = createMemoryScheduleStore(database, databaseLink)
  const sent: Sent[] = []
  const undecodable: { tenantId: TenantId; body: string }[] = []
  const slots = new Map<number, TenantId>()
  const kept = new Set<TenantId>()
  const leaving = new Set<TenantId>()
  let pending = 0
  let serial = 0

  /** Requests are not waited for: others happen meanwhile. */
  const request = (work: () => Promise<unknown>, then = (): void => {}): void => {
    pending++
    void work()
      .catch(() => undefined)
      .finally(() => {
        pending--
        then()
      })
  }
  const tenantIn = (slot: number): DesiredTenant => {
    const known = database.tenants.get(slots.get(slot) ?? ('' as TenantId))
    if (known && known.status !== 'deleting') return known
    const id = `018f3c1e-7b7a-7c3e-9a55-${(++serial).toString(16).padStart(12, '0')}` as TenantId
    slots.set(slot, id)
    kept.add(id)
    const desired: DesiredTenant = { id, status: 'active', workers: 2, restartGeneration: 0, deletion: null, config: {}, version: 1 }
    world.change(desired, true)
    return desired
  }
  const change = (slot: number, changes: (tenant: DesiredTenant) => Partial<DesiredTenant>, hint: boolean): void => {
    const tenant = tenantIn(slot)
    world.change({ ...tenant, ...changes(tenant), version: tenant.version + 1 }, hint)
  }
  const pickOf = (pick: number): Sent | undefined => sent[pick % Math.max(1, sent.length)]

  const toMessage = (tenantId: TenantId, type: MessageType, readyAtMs: number): OutboundMessage => {
    const createdAtMs = Date.now()
    const hex = createdAtMs.toString(16).padStart(12, '0')
    const id = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${(++serial).toString(16).padStart(12, '0')}` as MessageId
    return { tenantId, id, type, priority: 0, key: null, createdAtMs, readyAtMs, attempt: 1, firstAttempt: 1, body: '{}' }
  }
  const send = (tenant: DesiredTenant, type: MessageType, inMs: number): void => {
    if (tenant.status !== 'active' && tenant.status !== 'paused') return
    const message = toMessage(tenant.id, type, Date.now() + inMs)
    const entry: Sent = { message, type, accepted: false, answered: false, scheduled: inMs > 0, cancelled: false, discarded: false }
    sent.push(entry)
    const publishing = async (): Promise<void> => {
      if (inMs > 0) await schedules.schedule([message])
      else {
        await api.connect(new AbortController().signal)
        await api.publish(message)
      }
      entry.accepted = true
    }
    request(publishing, () => {
      entry.answered = true
    })
  }

  const carryOut = (command: Command): void => {
    switch (command.do) {
      case 'publish': {
        const tenant = tenantIn(command.slot)
        for (let each = 0; each < command.count; each++) send(tenant, command.type, 0)
        break
      }
      case 'publish again': {
        const again = pickOf(command.pick)
        if (!again?.answered || again.scheduled || !isTaking(database.tenants.get(again.message.tenantId))) return
        // Under its id, and not taken for fresh: it was made a while ago.
        const createdAtMs = Math.max(Date.now(), again.message.createdAtMs + 1)
        request(async () => {
          await api.connect(new AbortController().signal)
          await api.publish({ ...again.message, createdAtMs, readyAtMs: createdAtMs })
          again.accepted = true
        })
        break
      }
      case 'schedule':
        send(tenantIn(command.slot), command.type, command.inMs)
        break
      case 'cancel': {
        const meant = pickOf(command.pick)
        if (!meant?.scheduled) return
        request(async () => {
          const answer = await schedules.cancel(meant.message.tenantId, meant.message.id)
          if (answer === 'cancelled') meant.cancelled = true
        })
        break
      }
      case 'retry by hand':
        request(() => failures.retry(tenantIn(command.slot).id, {}))
        break
      case 'discard': {
        const meant = pickOf(command.pick)
        if (!meant) return
        request(async () => {
          const { tenantId, id } = meant.message
          if ((await failures.discard(tenantId, { ids: [id] })) === 1) meant.discarded = true
        })
        break
      }
      case 'resize':
        change(command.slot, () => ({ workers: command.workers }), command.hint)
        break
      case 'set':
        change(command.slot, () => ({ status: command.status }), command.hint)
        break
      case 'restart':
        change(command.slot, ({ restartGeneration }) => ({ restartGeneration: restartGeneration + 1 }), command.hint)
        break
      case 'delete':
      case 'drop': {
        const { id } = tenantIn(command.slot)
        kept.delete(id)
        leaving.add(id)
        const mode = command.do === 'delete' ? 'drain' : 'discard'
        change(command.slot, () => ({ status: 'deleting', deletion: { mode, deadlineAtMs: Date.now() + 3_000 } }), command.hint)
        break
      }
      case 'lose channels':
        broker.loseChannels(tenantIn(command.slot).id)
        break
      case 'put undecodable': {
        const { id } = tenantIn(command.slot)
        if (!broker.queues.has(id)) return
        const letter = { tenantId: id, body: `letter ${++serial}` }
        undecodable.push(letter)
        broker.putUndecodable(id, letter.body)
        break
      }
      case 'broker':
        broker.setDown(!command.up)
        break
      case 'database':
        setAway(world.nodes[command.node]?.databaseLink, !command.up)
        break
      case 'gateway':
        world.gatewayUp = command.up
        break
      case 'fail calls':
        world.nodes[command.node]?.[command.to === 'broker' ? 'brokerLink' : 'databaseLink'].failing.push(...command.how)
        break
      case 'kill':
        world.kill(command.node)
        break
      case 'replace':
        world.replace(command.node)
        break
      case 'let pass':
        break
    }
  }

  return {
    sent,
    get kept() {
      return [...kept]
    },
    get leaving() {
      return [...leaving]
    },
    undecodable,
    get pending() {
      return pending
    },
    async perform(command) {
      carryOut(command)
      // What comes from outside comes when everything that was ready has run.
      if (command.do === 'let pass') await time.advance(command.ms)
      else await time.settle()
    },
  }
}

const setAway = (link: Link | undefined, away: boolean): void => {
  if (link) link.away = away
}

const isTaking = (tenant: DesiredTenant | undefined): boolean => tenant?.status === 'active' || tenant?.status === 'paused'
