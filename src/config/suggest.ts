/** Finds what somebody probably meant to type. */

/** The candidate nearest to `typed`, when it is near enough to be a slip; undefined otherwise. */
export function suggest(typed: string, candidates: readonly string[]): string | undefined {
  const wanted = fold(typed)
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(wanted, fold(candidate)) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best && best.distance <= Math.max(2, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined
}

// batchSize, batch-size and BATCH_SIZE are all the same slip.
const fold = (name: string): string => name.slice(0, 60).toLowerCase().replaceAll(/[_-]/g, '')

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
