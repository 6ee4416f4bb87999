/** The few largest of many. */

/** At most `count` items, the largest first, of those whose value is above 0. One pass, which sorts no more than it keeps. */
export function largest<T>(items: Iterable<T>, count: number, weigh: (item: T) => number): readonly T[] {
  const kept: { readonly item: T; readonly value: number }[] = []
  for (const item of items) {
    const value = weigh(item)
    const last = kept[count - 1]
    if (count === 0 || !(value > 0) || (last !== undefined && value <= last.value)) continue
    const at = kept.findIndex((other) => other.value < value)
    kept.splice(at < 0 ? kept.length : at, 0, { item, value })
    if (kept.length > count) kept.pop()
  }
  return kept.map(({ item }) => item)
}
