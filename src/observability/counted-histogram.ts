/** A histogram that counts in plain numbers and meets prom-client only when it is read. */
import { Histogram, type Registry } from 'prom-client'

export interface CountedHistogramOptions {
  readonly name: string
  readonly help: string
  /** Upper bounds, rising. */
  readonly buckets: readonly number[]
  readonly registry: Registry
}

/** A histogram without labels. `count` is a handful of comparisons and never throws. */
export class CountedHistogram extends Histogram {
  readonly #description: { readonly name: string; readonly help: string }
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  constructor({ name, help, buckets, registry }: CountedHistogramOptions) {
    super({ name, help, buckets: [...buckets], registers: [registry] })
    this.#description = { name, help }
    this.#bounds = buckets
    // One more for everything above the last bound.
    this.#counts = new Array<number>(buckets.length + 1).fill(0)
  }

  count(value: number): void {
    if (!Number.isFinite(value)) return
    const bounds = this.#bounds
    let index = 0
    while (index < bounds.length && value > (bounds[index] as number)) index++
    this.#counts[index] = (this.#counts[index] as number) + 1
    this.#sum += value
  }

  /** What the registry's text format and get() read. */
  async getForPromString() {
    const { name, help } = this.#description
    let total = 0
    const values: { metricName: string; labels: { le?: number | string }; value: number }[] = this.#counts.map((count, index) => {
      total += count
      return { metricName: `${name}_bucket`, labels: { le: this.#bounds[index] ?? '+Inf' }, value: total }
    })
    values.push({ metricName: `${name}_sum`, labels: {}, value: this.#sum }, { metricName: `${name}_count`, labels: {}, value: total })
    return { name, help, type: 'histogram', values, aggregator: 'sum' }
  }
}
