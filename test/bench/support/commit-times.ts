/** How long the engine's ledger statements took, commit included, from its own metrics. */
import { median } from './statistics.ts'

export interface CommitTimes {
  readonly p50: number
  readonly p99: number
}

/** Counts of statements by upper bound in seconds, cumulative. */
type Buckets = ReadonlyMap<number, number>

const line = /^tenantry_ledger_commit_seconds_bucket\{le="([^"]+)"\} (\d+)/gm

export async function readCommitBuckets(engineUrl: string): Promise<Buckets> {
  const text = await (await fetch(`${engineUrl}/metrics`)).text()
  return new Map(
    [...text.matchAll(line)].map(([, bound, count]) => [bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), Number(count)]),
  )
}

/** In milliseconds, rounded up to the bound of a bucket, for the statements between two readings. */
export function toCommitTimes(before: Buckets, after: Buckets): CommitTimes {
  const counts = [...after].map(([bound, count]) => ({ bound, count: count - (before.get(bound) ?? 0) }))
  const total = Math.max(...counts.map(({ count }) => count))
  const boundOf = (quantile: number) => 1000 * (counts.find(({ count }) => count >= quantile * total)?.bound ?? Number.NaN)
  return { p50: boundOf(0.5), p99: boundOf(0.99) }
}

export const medianCommitTimes = (times: readonly CommitTimes[]): CommitTimes => ({
  p50: median(times.map(({ p50 }) => p50)),
  p99: median(times.map(({ p99 }) => p99)),
})
