/** The engine's Prometheus metrics: registries of its own, plain counting while it works, prom-client when it is read. */
import { Registry, type RegistryContentType } from 'prom-client'
import type { EngineMetrics, EngineSample, RenderOptions, Sampler } from '../core/ports/metrics.ts'
import { registerCountViews } from './metric-count-views.ts'
import { createMetricCounts, type MetricCounts } from './metric-counts.ts'
import { registerGauges } from './metric-gauges.ts'
import { readProcessMetrics, startProcessMetrics, toOpenMetrics } from './metric-process.ts'

export interface MetricsOptions {
  /** Of the program, for `tenantry_build_info`. */
  readonly version?: string
}

/** The metrics of one engine. Several engines in a process share nothing but the process's own figures. */
export function createMetrics({ version = 'unknown' }: MetricsOptions = {}): EngineMetrics {
  const { counts, counting } = createMetricCounts()
  const samplers = new Set<Sampler>()
  startProcessMetrics()
  // One for each format, since the format of a registry is part of how its counters are named.
  const text = createView(Registry.PROMETHEUS_CONTENT_TYPE, counts, version)
  const openMetrics = createView(Registry.OPENMETRICS_CONTENT_TYPE, counts, version)

  return {
    ...counting,
    collect: (sample) => {
      samplers.add(sample)
      return () => void samplers.delete(sample)
    },
    render: async (options: RenderOptions = {}) => {
      const { loads, ...rest } = mergeSamples(samplers, options.tenants === true)
      const sample = options.tenants === true && loads !== undefined ? { ...rest, loads } : rest
      const process = await readProcessMetrics()
      if (!options.openMetrics) return { contentType: text.contentType, text: `${await text.read(sample)}\n${process}` }
      const own = await openMetrics.read(sample)
      return {
        contentType: openMetrics.contentType,
        text: `${toOpenMetrics(process)}${options.tenants === true ? own : withoutExemplars(own)}`,
      }
    },
  }
}

/** A trace is a tenant’s, too. */
const withoutExemplars = (text: string): string => text.replaceAll(/ # \{trace_id="[0-9a-f]*"\}.*$/gm, '')

function createView(contentType: RegistryContentType, counts: MetricCounts, version: string) {
  const typed = new Registry<RegistryContentType>()
  typed.setContentType(contentType)
  // The metrics of prom-client take either kind and are typed for the first alone.
  const registry = typed as Registry
  registerCountViews(registry, counts)
  const setGauges = registerGauges(registry, version)
  return {
    contentType,
    /** The gauges are set and read before anybody else can set them. */
    read: (sample: EngineSample): Promise<string> => {
      setGauges(sample)
      return registry.metrics()
    },
  }
}

function mergeSamples(samplers: ReadonlySet<Sampler>, tenants: boolean): EngineSample {
  let merged: EngineSample = {}
  for (const sample of samplers) {
    try {
      merged = { ...merged, ...sample({ tenants }) }
    } catch {
      // Its figures are absent from this read; whoever owns the sampler notices its own faults.
    }
  }
  return merged
}
