/** I7: what the engine holds, to be compared between before and after. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Stage } from './stage.ts'

export interface Footprint {
  readonly rssBytes: number
  /** Open file descriptors: sockets, files, pipes. */
  readonly handles: number
  /** Of the engine, in PostgreSQL. */
  readonly databaseConnections: number
  /** Of the engine, in RabbitMQ; undefined where nobody can list them. */
  readonly channels: Channels | undefined
}

export interface Channels {
  readonly consumers: number
  readonly publisher: number
  readonly admin: number
}

export async function readFootprint(stage: Stage): Promise<Footprint> {
  const { pid } = stage.engine
  const [row] = await stage.database.query<{ connections: number }>(
    `select count(*)::int as connections from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  )
  return {
    rssBytes: readProcess(pid, (dir) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`${dir}/status`, 'utf8'))?.[1] ?? 0) * 1024),
    handles: readProcess(pid, (dir) => readdirSync(`${dir}/fd`).length),
    databaseConnections: row?.connections ?? 0,
    channels: await countChannels(stage),
  }
}

/** Three pools of four, and what docs/operations.md counts beside them. */
const maxDatabaseConnections = 4 + 4 + 4 + 5
const maxAdminChannels = 8
/** Dead letters of up to 200 tenants come on one. */
const deadLetterChannels = 1
const roomBytes = 150e6
const handleRoom = 40

/** What looks like a leak; empty when nothing does. */
export function compareFootprints(before: Footprint, after: Footprint, tenants: number): readonly string[] {
  const leaks: string[] = []
  if (after.rssBytes > 2 * before.rssBytes + roomBytes) leaks.push(`memory ${toMb(before.rssBytes)} → ${toMb(after.rssBytes)} MB`)
  if (after.handles > before.handles + handleRoom) leaks.push(`handles ${before.handles} → ${after.handles}`)
  if (after.databaseConnections > maxDatabaseConnections) leaks.push(`${after.databaseConnections} connections to PostgreSQL`)
  if (after.channels) {
    const { consumers, publisher, admin } = after.channels
    if (consumers !== tenants + deadLetterChannels || publisher !== 1 || admin > maxAdminChannels)
      leaks.push(`channels ${JSON.stringify(after.channels)}`)
  }
  return leaks
}

const toMb = (bytes: number): number => Math.round(bytes / 1e6)

/** 0 where there is no /proc. */
function readProcess(pid: number | undefined, read: (dir: string) => number): number {
  try {
    return pid === undefined ? 0 : read(`/proc/${pid}`)
  } catch {
    return 0
  }
}

/** Connections are told apart by their names. */
async function countChannels({ servers: { rabbitmq } }: Stage): Promise<Channels | undefined> {
  if (!rabbitmq) return undefined
  const table = await rabbitmq.ctl(['list_connections', 'client_properties', 'channels', '--silent'])
  const counts = { consumers: 0, publisher: 0, admin: 0 }
  for (const line of table.split('\n')) {
    const role = /"[^"]*\b(publisher|consumers|admin)(?: \d+)?"/.exec(line)?.[1]
    if (role !== undefined && role in counts) counts[role as keyof Channels] += Number(line.trim().split(/\s+/).at(-1))
  }
  return counts
}
