import { expect } from 'chai'
import fc from 'fast-check'
import { parseBody } from '../../../src/http/request/body.ts'
import { parseQuery } from '../../../src/http/request/query.ts'
import { Refusal } from '../../../src/http/request/refusal.ts'
import { createApiRoutes } from '../../../src/http/routes/index.ts'
import { createMemoryApi } from './start-api.ts'

const routes = createApiRoutes(createMemoryApi().options)
const names = [
  'type',
  'data',
  'messages',
  'config',
  'retry',
  'default',
  'types',
  'delays_ms',
  'status',
  'since',
  'limit',
  'cursor',
  'ids',
  'all',
  'username',
  'password',
  'role',
  'scopes',
  'expires_at',
  'payload_visibility',
  'rate_limits',
]
const key = fc.oneof(fc.constantFrom(...names), fc.string({ unit: 'binary' }))
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), fc.string({ unit: 'binary' }), fc.array(tie('json')), fc.dictionary(key, tie('json'))),
}))
const text = fc.string({ unit: 'binary' })

describe('every schema', () => {
  const parsesOrRefuses = (parse: () => unknown) => {
    try {
      parse()
    } catch (error) {
      expect(error).to.be.instanceOf(Refusal)
    }
  }

  for (const { method, path, body, query } of routes) {
    if (body) {
      it(`of the body of ${method} ${path} accepts or refuses any JSON`, () => {
        fc.assert(
          fc.property(json, (value) => parsesOrRefuses(() => parseBody(value, body))),
          { numRuns: 50 },
        )
      })
    }
    if (query) {
      it(`of the query of ${method} ${path} accepts or refuses any text`, () => {
        fc.assert(
          fc.property(fc.dictionary(key, fc.oneof(text, fc.array(text))), (value) => parsesOrRefuses(() => parseQuery(value, query))),
          { numRuns: 50 },
        )
      })
    }
  }
})
