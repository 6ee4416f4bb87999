/** What holds at the end, whatever has happened: each breach is a sentence. */
import type { History, Sent } from './history.ts'
import { endings } from './memory-handlers.ts'
import type { World } from './world.ts'

/** What is still to be done; empty when everything has come to rest. */
export function listUnrest(world: World, history: History): readonly string[] {
  const { broker, database, nodes } = world
  const unrest: string[] = []
  if (world.replacing > 0) unrest.push(`${world.replacing} nodes have not ended`)
  if (history.pending > 0) unrest.push(`${history.pending} requests without an answer`)
  for (const tenantId of history.kept) {
    for (const node of nodes) {
      const status = node.statusOf(tenantId)
      if (!status?.settled) unrest.push(`${tenantId} is ${status?.state}: ${status?.reason}`)
    }
    const queue = broker.queues.get(tenantId)
    const unacked = broker.unackedOf(tenantId)
    if (!queue || queue.ready.length + queue.dead.length + unacked > 0) {
      unrest.push(`${tenantId} has ${queue?.ready.length} ready, ${unacked} unacknowledged, ${queue?.dead.length} dead letters`)
    }
    for (const { id, type, status: failed } of database.failed.get(tenantId)?.values() ?? []) {
      if (failed === 'pending' || failed === 'retried') unrest.push(`${type} ${id} is ${failed}`)
    }
    const waiting = database.schedules.get(tenantId)?.size ?? 0
    if (waiting > 0) unrest.push(`${tenantId} has ${waiting} scheduled messages`)
  }
  for (const tenantId of history.leaving) {
    const states = nodes.flatMap((node) => node.statusOf(tenantId)?.state ?? [])
    if (states.length > 0 || database.tenants.has(tenantId)) unrest.push(`${tenantId} is not deleted: ${states}`)
  }
  return unrest
}

/** Once everything has come to rest. */
export function listBreaches(world: World, history: History): readonly string[] {
  const { broker, database, violations } = world
  const kept = new Set(history.kept)
  const breaches = [...violations]
  for (const sent of history.sent) if (kept.has(sent.message.tenantId)) breaches.push(...judge(world, sent))

  const known = new Set(history.sent.map(({ message }) => message.id))
  for (const [tenantId, rows] of database.messages) {
    for (const id of rows.keys()) if (!known.has(id)) breaches.push(`${id} of ${tenantId} was invented`)
  }
  for (const { tenantId, body } of history.undecodable) {
    const rows = [...(database.failed.get(tenantId)?.values() ?? [])].filter((row) => row.body === body)
    if (kept.has(tenantId) && (rows.length !== 1 || !rows[0]?.reason)) breaches.push(`an undecodable delivery has ${rows.length} rows`)
  }
  for (const tenantId of history.leaving) {
    const left = [
      ...(['failed', 'schedules'] as const).filter((table) => (database[table].get(tenantId)?.size ?? 0) > 0),
      ...(database.messages.has(tenantId) ? ['its partition'] : []),
      ...(broker.queues.has(tenantId) ? ['its queue'] : []),
    ]
    if (left.length > 0) breaches.push(`of ${tenantId} is left: ${left.join(', ')}`)
  }
  return breaches
}

/** Stored once, as what it had to become, or given up with a reason; nothing of what was cancelled. */
function judge({ database }: World, { message, type, accepted, cancelled, discarded }: Sent): readonly string[] {
  const name = `${type} ${message.id}`
  const row = database.messages.get(message.tenantId)?.get(message.id)
  const failed = database.failed.get(message.tenantId)?.get(message.id)
  if (cancelled) return row === undefined ? [] : [`${name} was cancelled and is ${row.status}`]
  if (row === undefined) return accepted ? [`${name} was accepted and is lost`] : []
  if (row.status === 'retrying') return [`${name} is still being retried`]
  if (row.status === 'processed') {
    if (endings[type] !== 'processed') return [`${name} is processed`]
    if (discarded) return [`${name} was discarded and is processed`]
    const isClosed = failed === undefined || failed.status === 'resolved'
    return isClosed && (row.attempts === 1 || failed !== undefined) ? [] : [`${name} is processed, its failure is ${failed?.status}`]
  }
  if (failed?.status !== (discarded ? 'discarded' : 'permanently_failed')) return [`${name} is failed, its failure is ${failed?.status}`]
  if (!failed.reason) return [`${name} is given up without a reason`]
  const isMeant = endings[type] === 'failed' || discarded || failed.reason === 'delivery_limit'
  return isMeant ? [] : [`${name} is given up: ${failed.reason}`]
}
