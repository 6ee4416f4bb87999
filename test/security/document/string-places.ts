/** Every place of a body that can hold a text, each with a body that is otherwise as small as it may be. */
import type { Random } from '../../support/random.ts'
import { sample } from './sample.ts'
import { alternativesOf, type JsonSchema, typeOf } from './schema.ts'

export interface StringPlace {
  /** `messages[0].data.(key)` */
  readonly path: string
  /** A body with this text there. */
  build(text: string): unknown
}

/** Free JSON counts as a text and as a key; an unknown property of an object that takes any, too. */
export function stringPlaces(schema: JsonSchema, random: Random): readonly StringPlace[] {
  const alternatives = alternativesOf(schema)
  if (alternatives.length > 1) return alternatives.flatMap((alternative) => stringPlaces(alternative, random))
  const [only = schema] = alternatives
  switch (typeOf(only)) {
    case 'string':
      return [{ path: '', build: (text) => text }]
    case 'any':
      return [
        { path: '', build: (text) => text },
        { path: '(key)', build: (text) => ownKey(text, { n: 1 }) },
      ]
    case 'array':
      return stringPlaces(only.items ?? {}, random).map(({ path, build }) => ({
        path: `[0]${path && `.${path}`}`,
        build: (text) => [build(text)],
      }))
    case 'object':
      return objectPlaces(only, random)
    default:
      return []
  }
}

function objectPlaces(schema: JsonSchema, random: Random): readonly StringPlace[] {
  // Drawn anew for each body: a name may be taken.
  const least = (): object => sample(schema, { random, optional: 0 }) as object
  const known = Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    stringPlaces(property, random).map(({ path, build }) => ({
      path: path && !path.startsWith('[') ? `${name}.${path}` : `${name}${path}`,
      build: (text: string) => ({ ...least(), [name]: build(text) }),
    })),
  )
  if (!schema.additionalProperties) return known
  const other = schema.additionalProperties === true ? {} : schema.additionalProperties
  const ofOther = stringPlaces(other, random).map(({ path, build }) => ({
    path: `*${path && `.${path}`}`,
    build: (text: string) => ({ ...least(), anything: build(text) }),
  }))
  return [
    ...known,
    ...ofOther,
    { path: '(key)', build: (text) => ({ ...least(), ...ownKey(text, sample(other, { random, optional: 0 })) }) },
  ]
}

/** An own property, also for `__proto__`. */
const ownKey = (key: string, value: unknown): object => JSON.parse(`{${JSON.stringify(key)}:${JSON.stringify(value)}}`)
