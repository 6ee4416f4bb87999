import { expect } from 'chai'
import { accessTable, actions } from '../../../src/auth/index.ts'
import { buildOpenApi } from '../../../src/http/openapi/build.ts'
import { queryGroups } from '../../../src/http/openapi/documented-schemas.ts'
import type { Route } from '../../../src/http/route.ts'
import { createApiRoutes } from '../../../src/http/routes/index.ts'
import { createSystemRoutes } from '../../../src/http/routes/system/routes.ts'
import { createMemoryApi } from './start-api.ts'

const { engine, options } = createMemoryApi()
const api = createApiRoutes(options)
const system = createSystemRoutes({
  engine,
  metrics: async () => ({ contentType: '', body: '' }),
  openApi: () => ({}),
  isDraining: () => false,
  version: '0',
})
const routes: readonly Route[] = [...api, ...system]
const document = buildOpenApi({ api, system, version: '9.9.9' })
const methods = ['get', 'post', 'put', 'patch', 'delete'] as const

describe('the OpenAPI document', () => {
  it('has every route, and no other', () => {
    const documented = Object.entries(document.paths).flatMap(([path, item]) =>
      methods.filter((method) => item[method]).map((method) => `${method} ${path}`),
    )
    expect(documented).to.have.members(routes.map(({ method, path }) => `${method} ${path}`))
  })

  it('names the action of every operation', () => {
    for (const { method, path, action } of routes) {
      expect(['public', ...actions]).to.include(action)
      expect(document.paths[path]?.[method]).to.include({ 'x-action': action })
    }
  })

  it('says which credentials every operation takes: API keys only where a scope allows it', () => {
    for (const { method, path, action } of routes) {
      const scopes = action === 'public' ? [] : accessTable[action].scopes
      const tokens = action === 'public' ? [] : [{ bearer: [] }]
      expect(document.paths[path]?.[method]?.security, `${method} ${path}`).to.deep.equal([
        ...tokens,
        ...(scopes.length > 0 ? [{ apiKey: scopes }] : []),
      ])
    }
    expect(document.components.securitySchemes).to.have.keys('bearer', 'apiKey')
  })

  it('has its own operationId for every operation', () => {
    const ids = routes.map(({ method, path }) => document.paths[path]?.[method]?.operationId)
    expect(new Set(ids).size).to.equal(routes.length)
    expect(ids).to.not.include(undefined)
  })

  it('documents the body of every route that reads one, and the parameters its query accepts', () => {
    for (const { method, path, body, query } of routes) {
      const item = document.paths[path]
      const operation = item?.[method]
      const isRequired = body !== undefined && !body.safeParse(undefined).success
      expect(operation?.requestBody !== undefined, `${method} ${path}`).to.equal(isRequired)
      const referenced = [...parameters(item), ...parameters(operation)].map(({ $ref }) => $ref.split('/').at(-1) ?? '')
      const group = Object.entries(queryGroups).find(([, schema]) => schema === query)
      const expected = group ? Object.keys(group[1].shape).map((name) => `${group[0]}.${name}`) : []
      expect(referenced.filter((name) => name.includes('.'))).to.have.members(expected)
      const inPath = referenced.flatMap((name) => (document.components.parameters?.[name] as { in: string; name: string }) ?? [])
      expect(inPath.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`)).to.have.members(
        path.match(/\{\w+\}/g) ?? [],
      )
    }
  })

  it('has nothing behind a reference that is missing', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference ?? '')
    expect(references.length).to.be.greaterThan(50)
    for (const reference of new Set(references)) {
      const [root, ...path] = reference.split('/')
      expect(root).to.equal('#')
      const target = path.reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document)
      expect(target, reference).to.be.an('object')
    }
  })

  it('shows the limits that are enforced', () => {
    const schemas = document.components.schemas as Record<string, { properties: Record<string, object>; required: string[] }>
    expect(schemas.ConcurrencyBody?.properties.workers).to.include({ type: 'integer', minimum: 1, maximum: 50 })
    expect(schemas.MessageDraft?.required).to.deep.equal(['type', 'data'])
    expect(document.components.parameters?.['Tenants.limit']).to.deep.include({
      schema: { default: 50, type: 'integer', minimum: 1, maximum: 200 },
    })
  })
})

function parameters(holder: unknown): readonly { readonly $ref: string }[] {
  return (holder as { parameters?: readonly { readonly $ref: string }[] } | undefined)?.parameters ?? []
}
