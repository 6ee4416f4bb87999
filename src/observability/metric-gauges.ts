/** The gauges of an engine in a prom-client registry: what a sample says, and nothing that no sample knows. */
import { Gauge, type Registry } from 'prom-client'
import type { EngineSample, TenantLoad, TenantLoads } from '../core/ports/metrics.ts'

/** Returns the function that sets them before a read. */
export function registerGauges(registry: Registry, version: string): (sample: EngineSample) => void {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] })
  const labelled = <Label extends string>(label: Label, name: string, help: string) =>
    new Gauge({ name, help, labelNames: [label], registers: [registry] })

  labelled('version', 'tenantry_build_info', 'Always 1; the label says which version runs').set({ version }, 1)
  const tenants = labelled('state', 'tenantry_tenants', 'Tenants this node runs')
  const workers = labelled('state', 'tenantry_workers', 'Workers of all tenants on this node')
  const setLoads = registerLoads((name, help) => labelled('tenant', name, help))
  const plain: readonly (readonly [Gauge, (sample: EngineSample) => number | boolean | undefined])[] = [
    [gauge('tenantry_in_flight_messages', 'Deliveries taken and not yet acknowledged'), (it) => it.inFlightMessages],
    [gauge('tenantry_queue_ready_messages', 'Messages waiting in all tenant queues together'), (it) => it.queueReadyMessages],
    [gauge('tenantry_queue_depth_age_seconds', 'Age of the oldest look at a queue with a backlog'), (it) => it.queueDepthAgeSeconds],
    [gauge('tenantry_ledger_waiting_messages', 'Handled deliveries whose outcome is not recorded yet'), (it) => it.ledgerWaitingMessages],
    [gauge('tenantry_ledger_stalled', '1 while outcomes wait for the database'), (it) => it.ledgerStalled],
    [
      gauge('tenantry_retry_lag_seconds', 'How long the oldest due message of an active tenant has waited for its queue'),
      (it) => it.retryLagSeconds,
    ],
    [gauge('tenantry_broker_up', '1 while the broker is connected'), (it) => it.brokerUp],
    [gauge('tenantry_broker_blocked', '1 while the broker takes no messages'), (it) => it.brokerBlocked],
    [gauge('tenantry_database_up', '1 while the database answers'), (it) => it.databaseUp],
    [gauge('tenantry_ready', '1 while the node should get requests'), (it) => it.ready],
    [gauge('tenantry_drain_seconds', 'How long this node has been draining; 0 before'), (it) => it.drain?.seconds],
    [gauge('tenantry_drain_deadline_seconds', 'After how many seconds its drain is aborted; 0 before'), (it) => it.drain?.deadlineSeconds],
  ]

  return (sample) => {
    setStates(tenants, sample.tenants)
    setStates(workers, sample.workers)
    for (const [each, read] of plain) set(each, read(sample))
    setLoads(sample.loads)
  }
}

const loadGauges: readonly (readonly [name: string, help: string, keyof TenantLoad])[] = [
  ['tenantry_tenant_queue_ready_messages', 'Messages waiting in the queue, of the busiest tenants', 'queueReadyMessages'],
  ['tenantry_tenant_in_flight_messages', 'Deliveries taken and not yet acknowledged, of the busiest tenants', 'inFlightMessages'],
  ['tenantry_tenant_settled_messages_per_second', 'Outcomes recorded per second in the last minute, of the busiest', 'settledPerSecond'],
]

function registerLoads(gauge: (name: string, help: string) => Gauge<'tenant'>): (loads: TenantLoads | undefined) => void {
  const gauges = loadGauges.map(([name, help, key]) => ({ gauge: gauge(name, help), key }))
  return (loads) => {
    for (const { gauge, key } of gauges) {
      gauge.reset()
      if (loads === undefined) continue
      for (const load of loads.top) gauge.set({ tenant: load.tenant }, load[key])
      gauge.set({ tenant: 'other' }, loads.other[key])
    }
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
