/** Plays a history to its end. */
import type { Command } from './commands.ts'
import { createHistory } from './history.ts'
import { listBreaches, listUnrest } from './invariants.ts'
import { createWorld } from './world.ts'

export interface Played {
  /** What must hold and does not. */
  readonly breaches: readonly string[]
  /** What the node has logged. */
  readonly log: readonly string[]
}

/** A lease, a probation, the longest backoffs: what it takes until everything has come to rest, with room. */
const restMs = 120_000

/** Lets everything happen, then heals everything, waits for rest, and ends the node. The same commands and seed give the same run. */
export async function play(commands: readonly Command[], seed: number): Promise<Played> {
  const breaches: string[] = []
  const world = createWorld(seed)
  const { time, broker, log } = world
  try {
    const history = createHistory(world)
    for (const each of commands) await history.perform(each)

    broker.setDown(false)
    world.gatewayUp = true
    for (const { brokerLink, databaseLink } of world.nodes) {
      for (const link of [brokerLink, databaseLink]) Object.assign(link, { away: false, failing: [] })
    }
    for (const tenantId of history.kept) {
      const desired = world.database.tenants.get(tenantId)
      if (desired && desired.status !== 'active') world.change({ ...desired, status: 'active', version: desired.version + 1 }, false)
    }
    let waitedMs = 0
    for (; listUnrest(world, history).length > 0 && waitedMs < restMs; waitedMs += 1_000) await time.advance(1_000)
    const unrest = listUnrest(world, history)
    for (const each of unrest) breaches.push(`no rest after ${restMs} ms: ${each}`)
    if (unrest.length > 0) return { breaches: [...breaches, ...world.violations], log }
    breaches.push(...listBreaches(world, history))

    for (const { actor } of world.nodes) actor.send({ type: 'manager.drain' })
    await time.advance(30_000)
    for (const { actor, openSessions } of world.nodes) {
      const { status } = actor.getSnapshot()
      if (status !== 'done') breaches.push(`a node has not drained: ${status}`)
      if (openSessions > 0) breaches.push(`${openSessions} sessions are open`)
    }
    if (broker.open > 0) breaches.push(`${broker.open} channels are open`)
    if (time.pending > 0) breaches.push(`${time.pending} timers are left`)
    return { breaches, log }
  } finally {
    time.uninstall()
  }
}
