/** A tenant's recent throughput and latency, from two small arrays. */

export interface Meter {
  /** One message was recorded `latencyMs` after it had been accepted. */
  count(nowMs: number, latencyMs: number): void
  /** Messages per second over the last minute. */
  ratePerSecond(nowMs: number): number
  /**
   * Messages per second since the present run of work began: over the last minute, but no further back than a pause of 15 s; 0 when
   * none was recorded in the last 15 s. What a forecast takes: a minute that was mostly quiet says nothing about a backlog.
   */
  workingRatePerSecond(nowMs: number): number
  /** The latency below which `quantile` (0 to 1) of the last one to two minutes' messages were; null without any. */
  latencyMs(quantile: number, nowMs: number): number | null
}

const seconds = 60
const pauseSeconds = 15
const buckets = 64
/** Bucket n ends at 1.25^n ms: 64 of them reach 1.3 million ms with an error of at most a quarter. */
const growth = Math.log(1.25)

/** Allocates nothing until the first message: idle tenants are many. */
export function createMeter(): Meter {
  let counts: Uint32Array | undefined
  let lastSecond = 0
  let current = new Uint32Array(0)
  let previous = new Uint32Array(0)
  let windowStart = 0

  const forward = (second: number): Uint32Array => {
    counts ??= new Uint32Array(seconds)
    if (second > lastSecond) {
      const passed = Math.min(seconds, second - lastSecond)
      for (let step = 1; step <= passed; step++) counts[(lastSecond + step) % seconds] = 0
      if (passed === seconds) counts.fill(0)
      lastSecond = second
    }
    return counts
  }
  const rotate = (second: number): void => {
    if (second - windowStart < seconds) return
    previous = second - windowStart < 2 * seconds ? current : new Uint32Array(0)
    current = new Uint32Array(0)
    windowStart = second
  }

  return {
    count(nowMs, latencyMs) {
      const second = Math.floor(nowMs / 1000)
      const slots = forward(second)
      const slot = second % seconds
      slots[slot] = (slots[slot] ?? 0) + 1
      rotate(second)
      if (current.length === 0) current = new Uint32Array(buckets)
      const bucket = latencyMs <= 1 ? 0 : Math.min(buckets - 1, Math.ceil(Math.log(latencyMs) / growth))
      current[bucket] = (current[bucket] ?? 0) + 1
    },
    ratePerSecond(nowMs) {
      if (!counts) return 0
      return forward(Math.floor(nowMs / 1000)).reduce((sum, value) => sum + value, 0) / seconds
    },
    workingRatePerSecond(nowMs) {
      if (!counts) return 0
      const second = Math.floor(nowMs / 1000)
      const slots = forward(second)
      let sum = 0
      let began = -1
      for (let back = 0; back < seconds && back - began <= pauseSeconds; back++) {
        const count = slots[(second - back) % seconds] ?? 0
        if (count === 0) continue
        sum += count
        began = back
      }
      if (began < 0) return 0
      // The second that runs counts for what has passed of it, with the others that are whole.
      return sum / Math.max(1, began + (nowMs % 1000) / 1000)
    },
    latencyMs(quantile, nowMs) {
      rotate(Math.floor(nowMs / 1000))
      const at = (bucket: number) => (current[bucket] ?? 0) + (previous[bucket] ?? 0)
      let total = 0
      for (let bucket = 0; bucket < buckets; bucket++) total += at(bucket)
      if (total === 0) return null
      let seen = 0
      for (let bucket = 0; bucket < buckets; bucket++) {
        seen += at(bucket)
        if (seen >= quantile * total) return Math.round(1.25 ** bucket * 10) / 10
      }
      return null
    },
  }
}
