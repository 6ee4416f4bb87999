/** What nodes say about themselves and about the tenants they run, on PostgreSQL. The database's clock alone decides who is alive. */
import { toError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { CircuitReport, Nodes, TenantReport } from '../core/ports/tenant-store.ts'
import { toPlainArray, toTextArray } from './array-literal.ts'
import type { Row, Statements } from './client.ts'

export interface NodesOptions {
  readonly nodeId: string
  readonly role: 'all' | 'api' | 'worker'
  readonly onError: (error: Error) => void
}

const isAlive = "n.seen_at > now() - interval '15 seconds'"

/** A node is alive while its last report is younger than 15 s. One that has been silent for an hour is removed with its reports. */
export function createNodes(client: Statements, { nodeId, role, onError }: NodesOptions): Nodes {
  return {
    async report(reports) {
      await client.run(keepReports, [nodeId, role, ...toColumns(reports)])
    },
    async forget(tenantIds) {
      if (tenantIds.length === 0) return
      await client.run('delete from tenant_reports where node_id = $1 and tenant_id = any($2::uuid[])', [nodeId, toPlainArray(tenantIds)])
    },
    async reportsOf(tenantIds) {
      if (tenantIds.length === 0) return []
      return (await client.run(readReports, [toPlainArray(tenantIds)])).map(toReport)
    },
    otherWorkers: () => countOthers(client, nodeId, ['all', 'worker']),
    otherApiNodes: () => countOthers(client, nodeId, ['all', 'api']),
    async alive() {
      return (await client.run(listAlive)).map((row) => ({ node: String(row.node_id), role: row.role as NodesOptions['role'] }))
    },
    async leave() {
      await client.run('delete from nodes where node_id = $1', [nodeId]).catch((error: unknown) => onError(toError(error)))
    },
  }
}

// A report that says nothing new is not written: thousands of quiet tenants cost no dead rows. One of a tenant that has
// been removed meanwhile is dropped.
const keepReports = `
with lease as (
  insert into nodes (node_id, role, seen_at) values ($1, $2, now())
  on conflict (node_id) do update set role = excluded.role, seen_at = now()
), silent as (
  delete from nodes where node_id <> $1 and seen_at < now() - interval '1 hour'
)
insert into tenant_reports as old (tenant_id, node_id, state, current_workers, busy_workers, in_flight, reason, circuits)
select r.tenant_id, $1, r.state, r.current_workers, r.busy_workers, r.in_flight, r.reason, r.circuits::jsonb
from unnest($3::uuid[], $4::text[], $5::integer[], $6::integer[], $7::integer[], $8::text[], $9::text[])
  as r (tenant_id, state, current_workers, busy_workers, in_flight, reason, circuits)
join tenants t on t.id = r.tenant_id
on conflict (tenant_id, node_id) do update
set state = excluded.state, current_workers = excluded.current_workers, busy_workers = excluded.busy_workers,
    in_flight = excluded.in_flight, reason = excluded.reason, circuits = excluded.circuits
where (old.state, old.current_workers, old.busy_workers, old.in_flight, old.reason, old.circuits)
  is distinct from (excluded.state, excluded.current_workers, excluded.busy_workers, excluded.in_flight, excluded.reason, excluded.circuits)`

const readReports = `
select r.* from tenant_reports r join nodes n on n.node_id = r.node_id
where r.tenant_id = any($1::uuid[]) and ${isAlive}`

async function countOthers(client: Statements, nodeId: string, roles: readonly NodesOptions['role'][]): Promise<number> {
  const [row] = await client.run(othersAlive, [nodeId, toPlainArray(roles)])
  return Number(row?.count ?? 0)
}

const othersAlive = `select count(*) as count from nodes n where n.node_id <> $1 and n.role = any($2::text[]) and ${isAlive}`

const listAlive = `select n.node_id, n.role from nodes n where ${isAlive} order by n.node_id`

function toColumns(reports: readonly TenantReport[]): readonly string[] {
  return [
    toPlainArray(reports.map((report) => report.tenantId)),
    toTextArray(reports.map((report) => report.state)),
    toPlainArray(reports.map((report) => report.currentWorkers)),
    toPlainArray(reports.map((report) => report.busyWorkers)),
    toPlainArray(reports.map((report) => report.inFlight)),
    toTextArray(reports.map((report) => report.reason)),
    toTextArray(reports.map((report) => JSON.stringify(report.circuits))),
  ]
}

function toReport(row: Row): TenantReport & { readonly nodeId: string } {
  return {
    tenantId: row.tenant_id as TenantId,
    nodeId: String(row.node_id),
    state: String(row.state),
    currentWorkers: Number(row.current_workers),
    busyWorkers: Number(row.busy_workers),
    inFlight: Number(row.in_flight),
    reason: row.reason === null ? null : String(row.reason),
    circuits: row.circuits as readonly CircuitReport[],
  }
}
