import { expect } from 'chai'
import { register } from 'prom-client'
import { createMetrics } from '../../../src/observability/metrics.ts'

describe('createMetrics', () => {
  const lines = async (metrics = createMetrics()) => (await metrics.render()).text.split('\n')

  it('shows every counter at zero before anything happens', async () => {
    expect(await lines()).to.include.members([
      'tenantry_messages_published_total{outcome="confirmed"} 0',
      'tenantry_messages_settled_total{outcome="duplicate"} 0',
      'tenantry_ledger_stalls_total 0',
      'tenantry_tenant_restarts_total 0',
      'tenantry_handler_seconds_count 0',
      'tenantry_ledger_batch_size_bucket{le="+Inf"} 0',
    ])
  })

  it('counts, and repeats the same totals at the next read', async () => {
    const metrics = createMetrics()
    metrics.published('confirmed')
    metrics.published('confirmed', 99)
    metrics.published('unknown')
    metrics.settled('processed', 7)
    metrics.ledgerStalled()
    metrics.tenantRestarted()
    const expected = [
      'tenantry_messages_published_total{outcome="confirmed"} 100',
      'tenantry_messages_published_total{outcome="unknown"} 1',
      'tenantry_messages_settled_total{outcome="processed"} 7',
      'tenantry_ledger_stalls_total 1',
      'tenantry_tenant_restarts_total 1',
    ]
    expect(await lines(metrics)).to.include.members(expected)
    expect(await lines(metrics)).to.include.members(expected)
  })

  it('puts each observation in its bucket and every larger one', async () => {
    const metrics = createMetrics()
    metrics.ledgerCommitted(1, 0.001)
    metrics.ledgerCommitted(3, 0.0011)
    metrics.ledgerCommitted(6000, 31)
    metrics.handlerRan(Number.NaN)
    expect(await lines(metrics)).to.include.members([
      'tenantry_ledger_batch_size_bucket{le="1"} 1',
      'tenantry_ledger_batch_size_bucket{le="2"} 1',
      'tenantry_ledger_batch_size_bucket{le="5"} 2',
      'tenantry_ledger_batch_size_bucket{le="5000"} 2',
      'tenantry_ledger_batch_size_bucket{le="+Inf"} 3',
      'tenantry_ledger_batch_size_sum 6004',
      'tenantry_ledger_batch_size_count 3',
      'tenantry_ledger_commit_seconds_bucket{le="0.001"} 1',
      'tenantry_ledger_commit_seconds_bucket{le="0.002"} 2',
      'tenantry_handler_seconds_count 0',
    ])
  })

  it('reads the state gauges from the samplers at each read', async () => {
    const metrics = createMetrics()
    let up = true
    let tenants: Readonly<Record<string, number>> = { running: 2, paused: 1 }
    metrics.collect(() => ({
      tenants,
      workers: { idle: 4, busy: 5 },
      inFlightMessages: 6,
    }))
    metrics.collect(() => ({ brokerUp: up, databaseUp: true, queueReadyMessages: 8 }))
    expect(await lines(metrics)).to.include.members([
      'tenantry_tenants{state="running"} 2',
      'tenantry_tenants{state="paused"} 1',
      'tenantry_workers{state="busy"} 5',
      'tenantry_in_flight_messages 6',
      'tenantry_broker_up 1',
      'tenantry_database_up 1',
      'tenantry_queue_ready_messages 8',
    ])
    up = false
    tenants = { running: 3 }
    const later = await lines(metrics)
    expect(later).to.include.members(['tenantry_tenants{state="running"} 3', 'tenantry_broker_up 0'])
    expect(later.join('\n')).not.to.contain('state="paused"')
  })

  it('leaves out a gauge that nobody knows, and the figures of a sampler that throws', async () => {
    const metrics = createMetrics()
    const forget = metrics.collect(() => ({ brokerUp: true }))
    metrics.collect(() => {
      throw new Error('boom')
    })
    expect(await lines(metrics)).to.include('tenantry_broker_up 1')
    forget()
    const text = (await lines(metrics)).join('\n')
    expect(text).not.to.match(/^tenantry_(broker_up|database_up|in_flight_messages) /m)
  })

  it('keeps engines apart and leaves the library’s global registry empty', async () => {
    const one = createMetrics()
    one.published('confirmed', 5)
    expect(await lines()).to.include('tenantry_messages_published_total{outcome="confirmed"} 0')
    expect(register.getMetricsAsArray()).to.deep.equal([])
  })

  it('includes the process and its event loop, each name once', async () => {
    const text = await lines()
    expect(text.join('\n')).to.contain('process_cpu_seconds_total').and.to.contain('nodejs_eventloop_lag_p99_seconds')
    const types = text.filter((line) => line.startsWith('# TYPE'))
    expect(new Set(types).size).to.equal(types.length)
  })

  it('counts a million handler runs in less than a second', () => {
    const metrics = createMetrics()
    const since = process.threadCpuUsage()
    for (let index = 0; index < 1_000_000; index++) {
      metrics.handlerRan(0.01)
      metrics.settled('processed')
    }
    expect(process.threadCpuUsage(since).user).to.be.lessThan(1_000_000)
  })
})
