/** Anything as JSON of a bounded size and without secrets, for whoever looks at what was never meant to be written down. */
import { errorText } from './errors.ts'
import { redactSecrets } from './redact.ts'

/** A machine's definition is deep. */
const maxDepth = 16
const maxItems = 100
const maxTextLength = 2_000
/** Of everything together. */
const maxValues = 5_000

/**
 * A copy in plain JSON without secrets. Errors are shown by their text, functions and objects that are no data by their name; what
 * lies too deep, or comes after 5,000 values, is left out. Of a list or an object with more than 100 entries the first 100 are shown,
 * and how many more there are. Getters are not called. An object for which `toWord` has a word is shown by that.
 *
 * Errors: none; total.
 */
export function toPlainJson(value: unknown, toWord: (object: object) => string | undefined = () => undefined): unknown {
  let left = maxValues

  function copy(given: unknown, depth: number): unknown {
    left -= 1
    if (typeof given !== 'object' || given === null) return copySimple(given)
    const word = toWord(given)
    if (word !== undefined) return word
    if (given instanceof Error) return errorText(given)
    if (given instanceof Date) return Number.isNaN(given.getTime()) ? 'Invalid Date' : given.toISOString()
    if (depth === maxDepth || left <= 0) return '…'
    if (Array.isArray(given)) return copyList(given, depth + 1)
    return isData(given) ? copyObject(given, depth + 1) : `[${given.constructor?.name ?? 'object'}]`
  }

  function copyList(items: readonly unknown[], depth: number): readonly unknown[] {
    const shown = items.slice(0, maxItems).map((item) => copy(item, depth))
    return items.length > maxItems ? [...shown, `… and ${items.length - maxItems} more`] : shown
  }

  function copyObject(object: object, depth: number): object {
    const names = Object.keys(object)
    const shown: [string, unknown][] = []
    for (const name of names.slice(0, maxItems)) {
      const item: unknown = Object.getOwnPropertyDescriptor(object, name)?.value
      if (item !== undefined) shown.push([name, copy(item, depth)])
    }
    if (names.length > maxItems) shown.push(['…', `and ${names.length - maxItems} more`])
    return Object.fromEntries(shown)
  }

  try {
    return redactSecrets(copy(value, 0))
  } catch (error) {
    return `cannot be shown: ${errorText(error)}`
  }
}

/** Of what is no object. */
function copySimple(given: unknown): unknown {
  if (given === null || typeof given === 'boolean') return given
  if (typeof given === 'string')
    return given.length > maxTextLength ? `${given.slice(0, maxTextLength)} … (${given.length} characters)` : given
  if (typeof given === 'number') return Number.isFinite(given) ? given : String(given)
  if (typeof given === 'function') return `[${given.name || 'function'}]`
  return given === undefined ? null : String(given)
}

function isData(given: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(given)
  return prototype === null || prototype === Object.prototype
}
