/** Everything that a node may expose: each metric with its type, its help and its labels. */
import { createSyntheticNode } from '../observability/synthetic-node.ts'

export interface ExposedMetric {
  readonly name: string
  readonly type: string
  readonly help: string
  /** Without `le`. */
  readonly labels: readonly string[]
}

/** From a real registry, after everything has happened once. */
export async function readExposedMetrics(): Promise<readonly ExposedMetric[]> {
  const { metrics, sampler } = createSyntheticNode(5, { topTenants: 1 })
  metrics.answered({ action: 'tenant.read', kind: 'read', status: 200, seconds: 0.01 })
  metrics.collect(() => ({ databaseUp: true, ready: true, retryLagSeconds: 0 }))
  const { text } = await metrics.render({ tenants: true })
  sampler.stop()
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]))
  return [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', help = '']) => ({
    name,
    type: types.get(name) ?? '',
    help,
    labels: labelsOf(text, name),
  }))
}

/** What each may be asked for by: a histogram by its three series. */
export function toSeriesNames({ name, type }: ExposedMetric): readonly string[] {
  return type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
}

/** Their series depend on what the process has open at the moment. */
const ofTheMoment: Readonly<Record<string, readonly string[]>> = {
  nodejs_gc_duration_seconds: ['kind'],
  nodejs_active_resources: ['type'],
  nodejs_active_handles: ['type'],
  nodejs_active_requests: ['type'],
}

function labelsOf(text: string, name: string): readonly string[] {
  const found = [...text.matchAll(new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*?)\\} `, 'gm'))].flatMap(([, labels = '']) =>
    [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label),
  )
  return [...new Set([...found, ...(ofTheMoment[name] ?? [])])].filter((label) => label !== 'le')
}
