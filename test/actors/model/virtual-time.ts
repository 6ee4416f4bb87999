/**
 * Time that passes only when a test says so, for machines and plain code alike: timers, immediates, the clock and chance of
 * the whole process are taken over until `uninstall()`. The same seed gives the same run.
 */

export interface VirtualTime {
  /** Timers that have not fired. */
  readonly pending: number
  /** A whole number from 0 to `below` − 1, drawn from the seed. */
  draw(below: number): number
  /** Everything that is ready runs, and what follows from it. */
  settle(): Promise<void>
  /** Timers fire one by one, each followed by everything that it makes ready. */
  advance(ms: number): Promise<void>
  /** Resolves after so many milliseconds of this time. */
  wait(ms: number): Promise<void>
  uninstall(): void
}

interface Timer {
  readonly atMs: number
  readonly fire: () => void
}

/** 2026-01-01. */
const startMs = 1_767_225_600_000

export function installVirtualTime(seed: number): VirtualTime {
  const { setTimeout, clearTimeout, setImmediate } = globalThis
  const { now } = Date
  const { random } = Math
  // In the order in which they fire.
  const timers: Timer[] = []
  let immediates: (() => void)[] = []
  let nowMs = startMs
  let state = seed

  // mulberry32
  const nextRandom = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  const addTimer = (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): Timer => {
    const timer = { atMs: nowMs + Math.max(1, Number.isFinite(ms) ? ms : 1), fire: () => callback(...args) }
    const place = timers.findLastIndex(({ atMs }) => atMs <= timer.atMs)
    timers.splice(place + 1, 0, timer)
    return timer
  }
  const removeTimer = (timer: unknown): void => {
    const place = timers.indexOf(timer as Timer)
    if (place >= 0) timers.splice(place, 1)
  }
  Object.assign(globalThis, {
    setTimeout: addTimer,
    clearTimeout: removeTimer,
    setImmediate: (callback: (...args: unknown[]) => void, ...args: unknown[]) => immediates.push(() => callback(...args)),
  })
  Date.now = () => Math.floor(nowMs)
  Math.random = nextRandom

  const settle = async (): Promise<void> => {
    for (;;) {
      // Every promise that is ready has been run after by then.
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (immediates.length === 0) return
      const due = immediates
      immediates = []
      for (const run of due) run()
    }
  }

  return {
    get pending() {
      return timers.length
    },
    draw: (below) => Math.floor(nextRandom() * below),
    settle,
    async advance(ms) {
      const untilMs = nowMs + ms
      await settle()
      for (;;) {
        const [next] = timers
        if (!next || next.atMs > untilMs) break
        timers.shift()
        nowMs = Math.max(nowMs, next.atMs)
        next.fire()
        await settle()
      }
      nowMs = untilMs
    },
    wait: (ms) => new Promise((resolve) => addTimer(() => resolve(), ms)),
    uninstall() {
      Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate })
      Date.now = now
      Math.random = random
    },
  }
}
