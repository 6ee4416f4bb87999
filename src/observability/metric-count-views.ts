/** The counters and histograms of an engine in a prom-client registry: views that read the counts when they are read. */
import { Counter, type Registry } from 'prom-client'
import type { MetricCounts } from './metric-counts.ts'
import { HistogramView } from './metric-histogram-view.ts'

export function registerCountViews(registry: Registry, counts: MetricCounts): void {
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
  const labelled = (label: string, name: string, help: string, totals: Readonly<Record<string, number>>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        this.reset()
        for (const [value, total] of Object.entries(totals)) this.inc({ [label]: value }, total)
      },
    })
  const histogram = (name: string, help: string, counted: MetricCounts['batchSize']) =>
    new HistogramView({ name, help, series: [{ labels: {}, histogram: counted }], registry })

  labelled('outcome', 'tenantry_messages_published_total', 'Messages sent to the broker, by how it answered', counts.published)
  labelled('outcome', 'tenantry_messages_settled_total', 'Deliveries whose outcome is recorded', counts.settled)
  labelled('kind', 'tenantry_messages_republished_total', 'Due messages that went back to their queues', counts.republished)
  labelled('outcome', 'tenantry_node_drains_total', 'Drains of this node, by whether handlers had to be aborted', counts.nodeDrains)
  counter('tenantry_ledger_stalls_total', 'How often the ledger had to wait for the database', () => counts.ledgerStalls)
  counter('tenantry_tenant_restarts_total', 'How often a crashed tenant was restarted', () => counts.tenantRestarts)
  counter('tenantry_tenant_quarantines_total', 'How often a tenant was put in quarantine', () => counts.tenantQuarantines)
  counter('tenantry_tenant_drains_total', 'How often a tenant began to drain', () => counts.tenantDrains)
  counter('tenantry_worker_restarts_total', 'How often a crashed worker was replaced', () => counts.workerRestarts)
  counter('tenantry_http_rate_limited_requests_total', 'Requests answered with 429', () => counts.rateLimited)
  histogram('tenantry_ledger_batch_size', 'Messages per ledger statement', counts.batchSize)
  histogram('tenantry_ledger_commit_seconds', 'Duration of a ledger statement', counts.commitSeconds)
  histogram('tenantry_handler_seconds', 'Duration of a handler run', counts.handlerSeconds)
  registerRequestViews(registry, counts)
}

function registerRequestViews(registry: Registry, { answered, requestSeconds }: MetricCounts): void {
  new Counter({
    name: 'tenantry_http_requests_total',
    help: 'Requests answered, by action of the authorization table and class of status',
    labelNames: ['action', 'status'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [action, byStatus] of answered) for (const [status, total] of byStatus) this.inc({ action, status }, total)
    },
  })
  new HistogramView({
    name: 'tenantry_http_request_seconds',
    help: 'Duration of a request until its answer is sent; streams are left out',
    series: Object.entries(requestSeconds).map(([kind, histogram]) => ({ labels: { kind }, histogram })),
    registry,
  })
}
