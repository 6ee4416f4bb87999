/** Counts in fixed windows: in the memory of this node, and over all nodes when they share the database. */
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { createSharedCounts, type SharedCountsOptions } from './shared-counts.ts'

export interface Count {
  /** What has been used of the window, this request included. */
  readonly used: number
  readonly resetsInMs: number
}

export interface Counter {
  /**
   * Adds to what `key` has used. What goes beyond `limit` is given back, so that a smaller request still finds room.
   * Errors: none; while the shared counts are away, those of this node stand.
   */
  add(key: string, points: number, limit: number): Promise<Count>
}

export interface CountOptions extends Omit<SharedCountsOptions, 'query' | 'otherApiNodes' | 'answerWithinMs'> {
  /** Without it, this node counts for itself whatever `store` says. */
  readonly shared?: Pick<SharedCountsOptions, 'query' | 'otherApiNodes' | 'answerWithinMs'> | undefined
}

/** Below this, what is given back might fall into the next window, and be a present. */
const minGiveBackMs = 2_000

export function createCounter({ windowSeconds, shared, store, log }: CountOptions): Counter {
  // The limits differ from tenant to tenant, so the library counts and the caller compares.
  const own = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: windowSeconds, keyPrefix: '' })
  const overAll = shared && createSharedCounts({ ...shared, windowSeconds, store, log })

  return {
    async add(key, points, limit) {
      const { consumedPoints, msBeforeNext } = await own.consume(key, points)
      const ownCount = { used: consumedPoints, resetsInMs: msBeforeNext }
      if (mustGiveBack(ownCount, points, limit)) await own.reward(key, points)
      // A client that is over its limit here costs the database nothing.
      if (ownCount.used > limit || !overAll || !(await overAll.isInUse())) return ownCount
      const count = await overAll.add(key, points)
      if (count === undefined) return ownCount
      if (mustGiveBack(count, points, limit)) await Promise.all([own.reward(key, points), overAll.add(key, -points)])
      return count
    },
  }
}

/** Only a request that did not fit is given back; in a window that was full before, it changes nothing. */
const mustGiveBack = ({ used, resetsInMs }: Count, points: number, limit: number): boolean =>
  used > limit && used - points < limit && resetsInMs > minGiveBackMs
