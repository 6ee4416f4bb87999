/** Counted histograms as prom-client reads one metric. */
import { Histogram, type Registry } from 'prom-client'
import type { CountedExemplar, CountedHistogram } from './counted-histogram.ts'

export interface HistogramSeries {
  readonly labels: Readonly<Record<string, string>>
  readonly histogram: CountedHistogram
}

interface HistogramViewOptions {
  readonly name: string
  readonly help: string
  /** At least one, all with the same bounds. */
  readonly series: readonly HistogramSeries[]
  readonly registry: Registry
}

/** Holds nothing: what it shows is counted elsewhere. */
export class HistogramView extends Histogram {
  readonly #description: { readonly name: string; readonly help: string }
  readonly #series: readonly HistogramSeries[]

  constructor({ name, help, series, registry }: HistogramViewOptions) {
    super({ name, help, buckets: [...(series[0]?.histogram.bounds ?? [])], registers: [registry] })
    this.#description = { name, help }
    this.#series = series
  }

  /** What the registry's text formats and get() read. */
  async getForPromString() {
    return { ...this.#description, type: 'histogram', values: this.#series.flatMap((series) => this.#toValues(series)), aggregator: 'sum' }
  }

  #toValues({ labels, histogram }: HistogramSeries) {
    const { name } = this.#description
    const { buckets, sum, total } = histogram.read()
    return [
      ...buckets.map(({ bound, total: upToHere, exemplar }) => ({
        metricName: `${name}_bucket`,
        labels: { ...labels, le: bound ?? '+Inf' },
        sharedLabels: {},
        value: upToHere,
        exemplar: exemplar && toPromExemplar(exemplar),
      })),
      { metricName: `${name}_sum`, labels, sharedLabels: {}, value: sum },
      { metricName: `${name}_count`, labels, sharedLabels: {}, value: total },
    ]
  }
}

const toPromExemplar = ({ traceId, value, atMs }: CountedExemplar) => ({
  labelSet: { trace_id: traceId },
  value,
  timestamp: atMs / 1000,
})
