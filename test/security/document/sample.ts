/** Values that a schema accepts, chosen by a seed. */
import type { Random } from '../../support/random.ts'
import { alternativesOf, type JsonSchema, typeOf } from './schema.ts'

export interface SampleOptions {
  readonly random: Random
  /** How many of the optional properties are there, from 0 to 1. */
  readonly optional: number
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Errors: throws for a pattern that none of the texts we know fits. */
export function sample(schema: JsonSchema, options: SampleOptions): unknown {
  const { random } = options
  const alternatives = alternativesOf(schema)
  if (alternatives.length > 1) return sample(random.pick(alternatives), options)
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return random.pick(schema.enum)
  switch (typeOf(alternatives[0] ?? schema)) {
    case 'string':
      return sampleText(schema, random)
    case 'integer':
      return sampleInteger(schema, random)
    case 'number':
      return sampleInteger(schema, random)
    case 'boolean':
      return random.chance(0.5)
    case 'null':
      return null
    case 'array':
      return Array.from({ length: Math.max(schema.minItems ?? 0, options.optional === 0 ? 0 : random.between(0, 2)) }, () =>
        sample(schema.items ?? {}, options),
      )
    case 'object':
      return sampleObject(schema, options)
    default:
      return { n: random.between(0, 1000), text: sampleText({}, random) }
  }
}

function sampleObject({ properties = {}, required = [], additionalProperties }: JsonSchema, options: SampleOptions): object {
  const named = Object.entries(properties).filter(([name]) => required.includes(name) || options.random.chance(options.optional))
  const other = typeof additionalProperties === 'object' && options.random.chance(options.optional)
  return {
    ...Object.fromEntries(named.map(([name, property]) => [name, sample(property, options)])),
    ...(other ? { [sampleText({}, options.random)]: sample(additionalProperties, options) } : {}),
  }
}

function sampleInteger({ minimum = 0, maximum = minimum + 1000 }: JsonSchema, random: Random): number {
  // Small numbers: nobody waits for a deadline of a day.
  return random.between(minimum, Math.min(maximum, minimum + 1000))
}

function sampleText({ format, pattern, minLength = 1, maxLength = 200 }: JsonSchema, random: Random): string {
  if (format === 'uuid') return random.uuid()
  if (format === 'date-time') return new Date(Date.now() + random.between(-86_400_000, 86_400_000)).toISOString()
  const length = Math.min(Math.max(minLength, 12), maxLength)
  const plain = Array.from({ length }, () => random.pick([...letters])).join('')
  const candidates = [plain, `x${plain}`.slice(0, maxLength), String(random.between(0, 99)), random.uuid()]
  const fitting = pattern === undefined ? plain : candidates.find((candidate) => new RegExp(pattern, 'u').test(candidate))
  if (fitting === undefined) throw new Error(`no text is known for the pattern ${pattern}`)
  return fitting
}
