/** What the OpenAPI document of a running node says it answers. */
import { type JsonSchema, withoutReferences } from './schema.ts'

export type ParameterPlace = 'path' | 'query' | 'header'

export interface Parameter {
  readonly name: string
  readonly in: ParameterPlace
  readonly required: boolean
  readonly schema: JsonSchema
}

export interface Operation {
  /** `operationId`, or method and path. */
  readonly id: string
  /** In upper case. */
  readonly method: string
  /** With the prefix and with `{parameters}`: `/v1/tenants/{id}`. */
  readonly path: string
  /** `x-action`: `public`, or a row of the access table. */
  readonly action: string
  readonly parameters: readonly Parameter[]
  readonly body: JsonSchema | undefined
  /** By status; undefined where an answer has no JSON body. */
  readonly answers: ReadonlyMap<string, JsonSchema | undefined>
}

interface RawOperation {
  readonly operationId?: string
  readonly 'x-action'?: string
  readonly parameters?: readonly RawParameter[]
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>> }
  readonly responses?: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>> }>>
}

interface RawParameter {
  readonly name: string
  readonly in: ParameterPlace
  readonly required?: boolean
  readonly schema?: JsonSchema
}

type RawPath = Readonly<Record<string, RawOperation>> & {
  readonly parameters?: readonly RawParameter[]
  readonly servers?: readonly { readonly url: string }[]
}

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const

/** Every operation, in the document's order. Errors: throws for an operation without an action. */
export function readOperations(document: unknown): readonly Operation[] {
  const { paths } = withoutReferences(document, document) as { paths: Readonly<Record<string, RawPath>> }
  return Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method) => (item[method] ? [toOperation(path, method, item, item[method])] : [])),
  )
}

function toOperation(path: string, method: string, item: RawPath, raw: RawOperation): Operation {
  const action = raw['x-action']
  if (action === undefined) throw new Error(`${method} ${path} has no x-action`)
  return {
    id: raw.operationId ?? `${method} ${path}`,
    method: method.toUpperCase(),
    path: (item.servers?.[0]?.url === '/' ? '' : '/v1') + path,
    action,
    parameters: [...(item.parameters ?? []), ...(raw.parameters ?? [])].map(toParameter),
    body: raw.requestBody?.content?.['application/json']?.schema,
    answers: new Map(Object.entries(raw.responses ?? {}).map(([status, { content }]) => [status, content?.['application/json']?.schema])),
  }
}

const toParameter = ({ name, in: place, required = false, schema = { type: 'string' } }: RawParameter): Parameter => ({
  ...{ name, in: place, required, schema },
})

/** Whether an operation is about the tenant that its path names. */
export const isAboutTenant = ({ path }: Operation): boolean => path.startsWith('/v1/tenants/{id}')

/** The names of a path's parameters, each with the segment before it: `{mid}` of `/messages/{mid}` is one of the `messages`. */
export function placesOf({ path }: Pick<Operation, 'path'>): readonly { readonly name: string; readonly collection: string }[] {
  return [...path.matchAll(/([^/]*)\/\{(\w+)\}/g)].map(([, collection = '', name = '']) => ({ name, collection }))
}
