import { expect } from 'chai'
import fc from 'fast-check'
import { AppError } from '../../../src/core/errors.ts'
import { parseIdempotencyKey } from '../../../src/http/request/idempotency-key.ts'
import { type Api, startApi } from './start-api.ts'

describe('an Idempotency-Key', () => {
  let api: Api
  let path: string
  before(async () => {
    api = await startApi()
    path = `/v1/tenants/${await api.createTenant()}/messages`
  })
  after(() => api.server.close(0))

  const publish = (key: string, raw: string, end = '') => api.call('POST', `${path}${end}`, { raw, headers: { 'idempotency-key': key } })

  it('gives a repeated publish the same answer, and one message', async () => {
    const stored = api.engine.messages.length
    const [first, second] = [
      await publish('a', '{"type":"t","data":{"x":1,"y":[2]}}'),
      await publish('a', '{"data":{"y":[2],"x":1},"type":"t"}'),
    ]
    expect([first.status, first.headers.get('idempotency-replayed')]).to.deep.equal([202, null])
    expect([second.status, second.headers.get('idempotency-replayed')]).to.deep.equal([202, 'true'])
    expect(second.text).to.equal(first.text)
    expect(second.headers.get('location')).to.equal(first.headers.get('location'))
    expect(api.engine.messages).to.have.length(stored + 1)
  })

  it('gives a repeated batch the same answer', async () => {
    const raw = '{"messages":[{"type":"t","data":1},{"type":"t","data":2}]}'
    const [first, second] = [await publish('b', raw, '/batch'), await publish('b', raw, '/batch')]
    expect(second.text).to.equal(first.text)
    expect([first.headers.get('idempotency-replayed'), second.headers.get('idempotency-replayed')]).to.deep.equal([null, 'true'])
  })

  it('takes what was left out and its default for the same', async () => {
    const [first, second] = [await publish('c', '{"type":"t","data":1}'), await publish('c', '{"type":"t","data":1,"priority":0}')]
    expect(second.text).to.equal(first.text)
  })

  it('refuses another body, and another kind of publish', async () => {
    await publish('d', '{"type":"t","data":1}')
    for (const [raw, end] of [
      ['{"type":"t","data":2}', ''],
      ['{"type":"t","data":"1"}', ''],
      ['{"type":"t","data":1,"priority":1}', ''],
      ['{"messages":[{"type":"t","data":1}]}', '/batch'],
    ] as const) {
      const { status, body } = await publish('d', raw, end)
      expect([status, body.code], raw).to.deep.equal([409, 'idempotency.mismatch'])
    }
  })

  it('of a request in progress asks for a moment', async () => {
    api.engine.fault = new AppError('idempotency.in_progress', 'held')
    const { status, headers, body } = await publish('e', '{"type":"t","data":1}')
    api.engine.fault = undefined
    expect([status, headers.get('retry-after'), body.code]).to.deep.equal([409, '1', 'idempotency.in_progress'])
  })

  it('may be 255 printable characters, and is not needed', async () => {
    expect((await publish('x y~'.padEnd(255, '!'), '{"type":"t","data":1}')).status).to.equal(202)
    expect(parseIdempotencyKey({}, 'single', {})).to.equal(undefined)
  })
})

describe('the digest of a body', () => {
  const digest = (body: unknown, kind: 'single' | 'batch' = 'single') => parseIdempotencyKey({ 'idempotency-key': 'k' }, kind, body)?.digest

  it('does not depend on the order of keys, at any depth', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        expect(digest(reversed(body))).to.equal(digest(body))
      }),
    )
  })

  it('differs when the body does', () => {
    const bodies = [{}, [], null, 1, '1', { a: 1 }, { a: '1' }, { a: [1] }, { a: { b: 1 } }, [1, 2], [2, 1], JSON.parse('{"__proto__":1}')]
    const digests = [...bodies.map((body) => digest(body)), digest({}, 'batch')]
    expect(new Set(digests).size).to.equal(digests.length)
    expect(digests[0]).to.match(/^[0-9a-f]{64}$/)
  })
})

/** The same JSON with the keys of its objects the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, reversed(item)] as const)
      .reverse(),
  )
}
