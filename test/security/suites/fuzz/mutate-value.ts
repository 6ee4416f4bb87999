/** Changes one thing about a JSON value, somewhere in it. */
import type { Random } from '../../../support/random.ts'
import { asWritten, oddKeys, oddNumbers, oddValue, toJsonText } from './odd-values.ts'

export interface Boundaries {
  readonly numbers: readonly number[]
  readonly lengths: readonly number[]
}

type Path = readonly (string | number)[]

/** A copy with one change. Texts and keys may be such as JSON cannot hold: write it with `toJsonText`. */
export function mutateValue(value: unknown, random: Random, boundaries: Boundaries): unknown {
  const path = random.pick(pathsOf(value))
  return changeAt(value, path, (found, parent) => mutateHere(found, parent, random, boundaries))
}

const gone = Symbol('gone')

function mutateHere(value: unknown, parent: unknown, random: Random, { numbers, lengths }: Boundaries): unknown {
  switch (random.between(0, 7)) {
    case 0:
      return parent === undefined ? oddValue(random) : gone
    case 1:
      return withEntry(value, random.pick(oddKeys), oddValue(random))
    case 2:
      return random.chance(0.5) ? [value] : { value }
    case 3:
      return Array.isArray(value) && value.length > 0
        ? Array.from({ length: random.pick([2, 51, 1000, 1001]) }, () => value[0])
        : oddValue(random)
    case 4:
      return numbers.length > 0 ? random.pick(numbers) : random.pick(oddNumbers)
    case 5:
      return lengths.length > 0 ? random.pick(['x', 'ü', '💥', '0', ' ']).repeat(random.pick(lengths)) : oddValue(random)
    case 6:
      return twice(value, random)
    default:
      return oddValue(random)
  }
}

/** An object in which every key stands twice. */
function twice(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return oddValue(random)
  const entries = Object.entries(value).flatMap(([key, item]) => [
    `${JSON.stringify(key)}:${toJsonText(oddValue(random))}`,
    `${JSON.stringify(key)}:${toJsonText(item)}`,
  ])
  return asWritten(`{${entries.join(',')}}`)
}

function withEntry(value: unknown, key: string, item: unknown): unknown {
  if (Array.isArray(value)) return [...value, item]
  if (typeof value !== 'object' || value === null) return withEntry({}, key, item)
  const copy: object = { ...value }
  // An assignment would set the prototype instead.
  Object.defineProperty(copy, key, { value: item, enumerable: true, configurable: true, writable: true })
  return copy
}

function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  const inner = Array.isArray(value)
    ? value.flatMap((item, index) => pathsOf(item, [...path, index]))
    : Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))
  return [path, ...inner]
}

function changeAt(value: unknown, path: Path, change: (found: unknown, parent: unknown) => unknown, parent?: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return change(value, parent)
  if (Array.isArray(value)) {
    const changed = value.map((item, index) => (index === key ? changeAt(item, rest, change, value) : item))
    return changed.filter((item) => item !== gone)
  }
  const entries = Object.entries(value as object).map(([name, item]) => [name, name === key ? changeAt(item, rest, change, value) : item])
  return Object.fromEntries(entries.filter(([, item]) => item !== gone))
}
