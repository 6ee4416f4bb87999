/** The engine's Prometheus metrics: a registry of its own, plain counting while it works, prom-client when it is read. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { EngineMetrics, EngineSample } from '../core/ports/metrics.ts'
import { CountedHistogram } from './counted-histogram.ts'

/** The metrics of one engine. Several engines in a process share nothing but the process's own figures. */
export function createMetrics(): EngineMetrics {
  const registry = new Registry()
  const published = { confirmed: 0, refused: 0, unavailable: 0, unknown: 0 }
  const settled = { processed: 0, retrying: 0, failed: 0, duplicate: 0 }
  const republished = { retry: 0, scheduled: 0 }
  const totals = { ledgerStalls: 0, tenantRestarts: 0 }
  const samplers = new Set<() => EngineSample>()

  const counter = (name: string, help: string, readTotal: () => number) =>
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(readTotal())
      },
    })
  const labelledCounter = (label: string, name: string, help: string, counts: Readonly<Record<string, number>>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        this.reset()
        for (const [value, count] of Object.entries(counts)) this.inc({ [label]: value }, count)
      },
    })
  const histogram = (name: string, help: string, buckets: readonly number[]) => new CountedHistogram({ name, help, buckets, registry })

  labelledCounter('outcome', 'tenantry_messages_published_total', 'Messages sent to the broker, by how it answered', published)
  labelledCounter('outcome', 'tenantry_messages_settled_total', 'Deliveries whose outcome is recorded', settled)
  labelledCounter('kind', 'tenantry_messages_republished_total', 'Due messages that went back to their queues', republished)
  counter('tenantry_ledger_stalls_total', 'How often the ledger had to wait for the database', () => totals.ledgerStalls)
  counter('tenantry_tenant_restarts_total', 'How often a crashed tenant was restarted', () => totals.tenantRestarts)
  const batchSize = histogram('tenantry_ledger_batch_size', 'Messages per ledger statement', batchSizeBuckets)
  const commitSeconds = histogram('tenantry_ledger_commit_seconds', 'Duration of a ledger statement', commitBuckets)
  const handlerSeconds = histogram('tenantry_handler_seconds', 'Duration of a handler run', handlerBuckets)
  const setStateGauges = createStateGauges(registry)

  return {
    published: (outcome, count = 1) => {
      published[outcome] += count
    },
    settled: (outcome, count = 1) => {
      settled[outcome] += count
    },
    republished: (kind, count) => {
      republished[kind] += count
    },
    ledgerCommitted: (size, seconds) => {
      batchSize.count(size)
      commitSeconds.count(seconds)
    },
    ledgerStalled: () => {
      totals.ledgerStalls++
    },
    handlerRan: (seconds) => handlerSeconds.count(seconds),
    tenantRestarted: () => {
      totals.tenantRestarts++
    },
    collect: (sample) => {
      samplers.add(sample)
      return () => void samplers.delete(sample)
    },
    render: async () => {
      setStateGauges(mergeSamples(samplers))
      return { contentType: registry.contentType, text: `${await registry.metrics()}\n${await readProcessMetrics()}` }
    },
  }
}

const batchSizeBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
const commitBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]
const handlerBuckets = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60]

function createStateGauges(registry: Registry): (sample: EngineSample) => void {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] })
  const stateGauge = (name: string, help: string) => new Gauge({ name, help, labelNames: ['state'], registers: [registry] })
  const tenants = stateGauge('tenantry_tenants', 'Tenants this node runs')
  const workers = stateGauge('tenantry_workers', 'Workers of all tenants on this node')
  const inFlight = gauge('tenantry_in_flight_messages', 'Deliveries taken and not yet acknowledged')
  const ready = gauge('tenantry_queue_ready_messages', 'Messages waiting in all tenant queues together')
  const brokerUp = gauge('tenantry_broker_up', '1 while the broker is connected')
  const databaseUp = gauge('tenantry_database_up', '1 while the database answers')

  return (sample) => {
    setStates(tenants, sample.tenants)
    setStates(workers, sample.workers)
    set(inFlight, sample.inFlightMessages)
    set(ready, sample.queueReadyMessages)
    set(brokerUp, sample.brokerUp)
    set(databaseUp, sample.databaseUp)
  }
}

// A figure that nobody knows now is absent rather than old.
function set(gauge: Gauge, value: number | boolean | undefined): void {
  if (value === undefined) gauge.remove()
  else gauge.set(Number(value))
}

function setStates(gauge: Gauge<'state'>, counts: Readonly<Record<string, number>> | undefined): void {
  gauge.reset()
  for (const [state, count] of Object.entries(counts ?? {})) gauge.set({ state }, count)
}

function mergeSamples(samplers: ReadonlySet<() => EngineSample>): EngineSample {
  let merged: EngineSample = {}
  for (const sample of samplers) {
    try {
      merged = { ...merged, ...sample() }
    } catch {
      // Its figures are absent from this read; whoever owns the sampler notices its own faults.
    }
  }
  return merged
}

// CPU, memory, event loop and garbage collection belong to the process: collected once, whatever number of engines it runs.
let processRegistry: Registry | undefined

function readProcessMetrics(): Promise<string> {
  if (processRegistry === undefined) {
    processRegistry = new Registry()
    collectDefaultMetrics({ register: processRegistry })
  }
  return processRegistry.metrics()
}
