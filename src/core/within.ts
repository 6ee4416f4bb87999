/** A deadline for work that goes on by itself. */

/**
 * Settles as the work does, or as `onLate` when the work has not settled after `deadlineMs`. What becomes of it then is nobody's
 * concern: it is not stopped, and its failure is not thrown. Leaves no timer behind.
 */
export async function within<Done, Late>(work: Promise<Done>, deadlineMs: number, onLate: () => Late): Promise<Done | Late> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, deadlineMs)
  return Promise.race([work, late.then(onLate)]).finally(() => clearTimeout(timer))
}
