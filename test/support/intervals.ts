/** How long something takes by a timer like its own, which a busy machine holds up as much. */

export interface Intervals extends Disposable {
  /** How many have passed. */
  passed(): number
}

/** Counts intervals of `ms` from now on, until it is disposed of. */
export function countIntervals(ms: number): Intervals {
  let count = 0
  const timer = setInterval(() => count++, ms)
  return { passed: () => count, [Symbol.dispose]: () => clearInterval(timer) }
}
