/** What the tables hold, counted past row-level security. */
import type { Stage } from '../../stage/stage.ts'

export interface Snapshot {
  /** Rows, by table and tenant (`users/…`; `users/` where there is no tenant). */
  readonly counts: ReadonlyMap<string, number>
  /** A digest of every row that nobody may change: the other tenant's, and the platform's own. */
  readonly untouched: ReadonlyMap<string, string>
}

interface Table extends Record<string, unknown> {
  readonly name: string
  readonly by: string | null
}

/** Tables of a node's own work, which change without a request. */
const restless = new Set(['nodes', 'tenant_reports', 'rate_limits', 'ids_for_cleanup'])

/** The tables, partitions left out, each with the column that names the tenant. */
export async function readTables(stage: Stage): Promise<readonly Table[]> {
  const tables = await stage.query<Table>(`
    select c.relname as name, case when c.relname = 'tenants' then 'id' else a.attname end as by
    from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1`)
  return tables.filter(({ name }) => !restless.has(name))
}

export async function takeSnapshot(stage: Stage, tables: readonly Table[]): Promise<Snapshot> {
  // By name: a statement that might read every partition locks them all.
  const looked = watchedTenants(stage).map((id) => `'${id}'`)
  const counted = tables.map(({ name, by }) => {
    const [tenant, own] = by === null ? [`''`, ''] : [`coalesce(${by}::text, '')`, `where ${by} in (${looked}) or ${by} is null`]
    return `select '${name}/' || ${tenant} as place, count(*)::int as rows from ${name} ${own} group by 1`
  })
  const digested = tables
    .filter(({ by, name }) => by !== null || name === 'admins' || name === 'tenantry_migrations')
    .map(({ name, by }) => {
      const own = by === null ? '' : `where ${by} = '${stage.other.id}'`
      return `select '${name}' as place, coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '') as digest from ${name} t ${own}`
    })
  const [counts, digests] = await Promise.all([
    stage.query<{ place: string; rows: number }>(counted.join(' union all ')),
    stage.query<{ place: string; digest: string }>(digested.join(' union all ')),
  ])
  return {
    counts: new Map(counts.map(({ place, rows }) => [place, rows])),
    untouched: new Map(digests.map(({ place, digest }) => [place, digest])),
  }
}

/** Whose rows are counted; other tenants come and go. */
const watchedTenants = ({ own, written, battered, other }: Stage): readonly string[] => [own, written, battered, other].map(({ id }) => id)

export interface Allowance {
  /** The tenant that the calls were about. */
  readonly tenantId: string
  /** Calls that succeeded: each may have added rows. */
  readonly successes: number
  /** Calls in all, those of the suite itself with them: each may have left an entry in the audit log. */
  readonly calls: number
  readonly mayRemove: boolean
}

/** What has changed beyond what the calls do; empty when nothing has. */
export function compareSnapshots(before: Snapshot, after: Snapshot, allowance: Allowance): readonly string[] {
  const touched = [...before.untouched].filter(([place, digest]) => after.untouched.get(place) !== digest)
  const places = [...new Set([...before.counts.keys(), ...after.counts.keys()])]
  return [
    ...touched.map(([place]) => `changes rows of ${place} that are not the caller's`),
    ...places.flatMap((place) => complaintAbout(place, before.counts.get(place) ?? 0, after.counts.get(place) ?? 0, allowance)),
  ]
}

function complaintAbout(place: string, was: number, is: number, allowance: Allowance): readonly string[] {
  const [table = '', tenantId = ''] = place.split('/')
  const { successes, calls, mayRemove } = allowance
  const isOwn = tenantId === allowance.tenantId || tenantId === ''
  const least = isOwn && mayRemove && table !== 'audit_log' ? 0 : was
  const most = table === 'audit_log' ? was + calls : isOwn ? was + successes : was
  return is < least || is > most ? [`${place} goes from ${was} to ${is} rows in ${calls} calls, ${successes} of which succeed`] : []
}
