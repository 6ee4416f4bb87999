/** What an engine has counted: plain numbers that rise while it works. */
import type { AnsweredRequest, EngineMetrics } from '../core/ports/metrics.ts'
import { createCountedHistogram } from './counted-histogram.ts'

export type MetricCounts = ReturnType<typeof createMetricCounts>['counts']

type Counting = Omit<EngineMetrics, 'collect' | 'render'>

const batchSizeBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
const commitBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]
const handlerBuckets = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60]
const requestBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

/** The counts, and the functions that raise them. */
export function createMetricCounts() {
  const counts = {
    published: { confirmed: 0, refused: 0, unavailable: 0, unknown: 0 },
    settled: { processed: 0, retrying: 0, failed: 0, duplicate: 0 },
    republished: { retry: 0, scheduled: 0 },
    nodeDrains: { complete: 0, aborted: 0 },
    ledgerStalls: 0,
    tenantRestarts: 0,
    tenantQuarantines: 0,
    tenantDrains: 0,
    workerRestarts: 0,
    rateLimited: 0,
    /** By action, then by class of status (`2xx`). */
    answered: new Map<string, Map<string, number>>(),
    batchSize: createCountedHistogram(batchSizeBuckets),
    commitSeconds: createCountedHistogram(commitBuckets),
    handlerSeconds: createCountedHistogram(handlerBuckets),
    requestSeconds: {
      read: createCountedHistogram(requestBuckets),
      write: createCountedHistogram(requestBuckets),
      publish: createCountedHistogram(requestBuckets),
    },
  }

  const answered = ({ action, kind, status, seconds, traceId }: AnsweredRequest): void => {
    const ofAction = counts.answered.get(action) ?? new Map<string, number>()
    const statusClass = `${Math.floor(status / 100)}xx`
    counts.answered.set(action, ofAction.set(statusClass, (ofAction.get(statusClass) ?? 0) + 1))
    if (status === 429) counts.rateLimited++
    if (seconds !== undefined) counts.requestSeconds[kind].count(seconds, traceId)
  }

  const counting: Counting = {
    published: (outcome, count = 1) => {
      counts.published[outcome] += count
    },
    settled: (outcome, count = 1) => {
      counts.settled[outcome] += count
    },
    republished: (kind, count) => {
      counts.republished[kind] += count
    },
    ledgerCommitted: (size, seconds) => {
      counts.batchSize.count(size)
      counts.commitSeconds.count(seconds)
    },
    ledgerStalled: () => {
      counts.ledgerStalls++
    },
    handlerRan: counts.handlerSeconds.count,
    tenantRestarted: () => {
      counts.tenantRestarts++
    },
    tenantQuarantined: () => {
      counts.tenantQuarantines++
    },
    tenantDraining: () => {
      counts.tenantDrains++
    },
    workerRestarted: () => {
      counts.workerRestarts++
    },
    nodeDrained: (complete) => {
      counts.nodeDrains[complete ? 'complete' : 'aborted']++
    },
    answered,
  }
  return { counts, counting }
}
