/** Medians. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The median of the quotients of what was measured in the same round. */
export const medianRatio = (numerators: readonly number[], denominators: readonly number[]): number =>
  median(numerators.map((value, round) => value / (denominators[round] ?? Number.NaN)))
