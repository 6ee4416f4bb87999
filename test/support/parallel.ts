/** Tests that mostly wait, run side by side: a suite of processes takes as long as its slowest, not as long as all. */
import pLimit from 'p-limit'

/**
 * Declares a suite whose tests begin together, at most `limit` at once; mocha reports each by itself.
 *
 * Shape:  `tests` are independent of each other, dispose of what they start, and have their own deadlines.
 */
export function describeParallel(name: string, limit: number, tests: Readonly<Record<string, () => Promise<void>>>): void {
  describe(name, function () {
    this.timeout(600_000)
    const running = new Map<string, Promise<void>>()

    before(() => {
      const admit = pLimit(limit)
      for (const [fact, test] of Object.entries(tests)) {
        const run = admit(test)
        // Its own test reports the failure.
        run.catch(() => {})
        running.set(fact, run)
      }
    })
    for (const fact of Object.keys(tests)) it(fact, () => running.get(fact))
  })
}
