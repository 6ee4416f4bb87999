/** JSON Schema as far as the API's document uses it. */

export interface JsonSchema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly format?: string
}

export type TypeName = 'string' | 'integer' | 'number' | 'boolean' | 'null' | 'array' | 'object' | 'any'

/** The alternatives of a schema; the schema itself when it has none. */
export const alternativesOf = (schema: JsonSchema): readonly JsonSchema[] => {
  if (schema.anyOf) return schema.anyOf
  if (schema.oneOf) return schema.oneOf
  return Array.isArray(schema.type) ? schema.type.map((type: string) => ({ ...schema, type })) : [schema]
}

/** What a schema without alternatives describes; `any` when it does not say. */
export function typeOf(schema: JsonSchema): TypeName {
  if (typeof schema.type === 'string') return schema.type as TypeName
  if (schema.properties || schema.additionalProperties) return 'object'
  const sample = schema.const ?? schema.enum?.[0]
  return typeof sample === 'string' ? 'string' : typeof sample === 'boolean' ? 'boolean' : 'any'
}

/** The same schema without references; what contains itself is free JSON from its second time on. Errors: throws for one that leads nowhere. */
export function withoutReferences(value: unknown, document: unknown, parents: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutReferences(item, document, parents))
  if (typeof value !== 'object' || value === null) return value
  const reference = '$ref' in value && typeof value.$ref === 'string' ? value.$ref : undefined
  if (reference === undefined) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutReferences(item, document, parents)]))
  }
  if (parents.includes(reference)) return {}
  return withoutReferences(lookUp(document, reference), document, [...parents, reference])
}

function lookUp(document: unknown, reference: string): unknown {
  const parts = reference.replace(/^#\//, '').split('/')
  const found = parts.reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], document)
  if (found === undefined) throw new Error(`the document has no ${reference}`)
  return found
}

/** The numbers and lengths at which a schema draws a line, in it or anywhere below. */
export function boundariesOf(schema: JsonSchema): { readonly numbers: readonly number[]; readonly lengths: readonly number[] } {
  const parts = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.items ? [schema.items] : []),
    ...(schema.anyOf ?? schema.oneOf ?? []),
    ...(typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []),
  ].map(boundariesOf)
  const around = (limit: number | undefined): number[] =>
    limit === undefined || Math.abs(limit) > 2 ** 53 ? [] : [limit - 1, limit, limit + 1]
  const lengths = [...around(schema.minLength), ...around(schema.maxLength)].filter((length) => length >= 0)
  return {
    numbers: [...around(schema.minimum), ...around(schema.maximum), ...parts.flatMap(({ numbers }) => numbers)],
    lengths: [...lengths, ...parts.flatMap((part) => part.lengths)],
  }
}
