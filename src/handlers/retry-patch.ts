/** Refuses a retry policy that cannot be meant, when the handler is defined. */
import { namedRetryPolicies } from '../core/retry-policy.ts'

const numbers: Readonly<Record<string, readonly [min: number, max: number]>> = {
  attempts: [1, 100],
  baseMs: [0, 86_400_000],
  factor: [1, 100],
  capMs: [0, 2_592_000_000],
  immediateRetries: [0, 5],
}
const known = [...Object.keys(numbers), 'delaysMs', 'nonRetryable', 'order']

/** Errors: TypeError that names the field. */
export function requireRetryPatch(patch: unknown, name: string): void {
  if (patch === undefined) return
  if (typeof patch === 'string') {
    if (!Object.hasOwn(namedRetryPolicies, patch)) {
      throw new TypeError(`${name} names no policy: "${patch}"; known are ${Object.keys(namedRetryPolicies).join(', ')}`)
    }
    return
  }
  if (typeof patch !== 'object' || patch === null) throw new TypeError(`${name} must be the name of a policy or an object`)
  for (const [key, value] of Object.entries(patch)) requireField(key, value, name)
  if ('delaysMs' in patch && ['attempts', 'baseMs', 'factor', 'capMs'].some((key) => key in patch)) {
    throw new TypeError(`${name}: \`delaysMs\` is a policy of its own; it goes with no attempts, baseMs, factor or capMs`)
  }
}

function requireField(key: string, value: unknown, name: string): void {
  if (!known.includes(key)) throw new TypeError(`${name}.${key} is not known; known are ${known.join(', ')}`)
  const range = numbers[key]
  if (range && !isWithin(value, range[0], range[1])) throw new TypeError(`${name}.${key} must be a number from ${range[0]} to ${range[1]}`)
  if ((key === 'attempts' || key === 'immediateRetries') && !Number.isInteger(value)) {
    throw new TypeError(`${name}.${key} must be a whole number`)
  }
  if (key === 'delaysMs' && !(Array.isArray(value) && value.length > 0 && value.every((delay) => isWithin(delay, 0, 2_592_000_000)))) {
    throw new TypeError(`${name}.delaysMs must be a list of at least one number of milliseconds from 0 to 2592000000`)
  }
  if (key === 'nonRetryable' && !(Array.isArray(value) && value.every((item) => typeof item === 'string'))) {
    throw new TypeError(`${name}.nonRetryable must be a list of error names`)
  }
  if (key === 'order' && value !== 'oldest' && value !== 'latest') throw new TypeError(`${name}.order must be 'oldest' or 'latest'`)
}

const isWithin = (value: unknown, min: number, max: number): boolean => typeof value === 'number' && value >= min && value <= max
