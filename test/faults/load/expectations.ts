/** What the handlers of the load do: they and the checker read it here. */
import type { CheckOptions } from '../history/check.ts'

export const flakyAttempts = 6
export const hopelessAttempts = 3
const mostFailures = 3

/** How often a message of the type `flaky` fails: its id decides. */
export const countFailures = (id: string): number => Number.parseInt(id.slice(-1), 16) % (mostFailures + 1)

export const expectations: CheckOptions = {
  effectTypes: ['effect', 'lasting', 'held', 'flaky', 'hopeless'],
  failuresOf(type, id) {
    if (type === 'flaky') return countFailures(id)
    return type === 'poison' || type === 'hopeless' ? Number.POSITIVE_INFINITY : 0
  },
  attemptsOf(type) {
    if (type === 'flaky') return flakyAttempts
    return type === 'hopeless' ? hopelessAttempts : 1
  },
}
