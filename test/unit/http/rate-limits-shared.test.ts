import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import { createLimiter } from '../../../src/http/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'

const never = new Promise<never>(() => {})

describe('limits that nodes share through PostgreSQL', () => {
  let database: TestDatabase
  let query: NonNullable<Parameters<typeof createLimiter>[0]['shared']>['query']
  before(async () => {
    database = await createTestDatabase()
    const { pool } = await database.open()
    query = async (text, values) => (await pool.query(text, [...values])).rows
  })
  after(() => database[Symbol.asyncDispose]())

  const quota = { rate_limits: { publish_per_second: 1 } }
  const startNode = (options: Partial<Parameters<typeof createLimiter>[0]> = {}) =>
    createLimiter({
      managementPerSecond: 100,
      chatPerSecond: 50,
      store: 'postgres',
      tenantConfig: () => quota,
      // A commit may take its time here.
      shared: { query, otherApiNodes: async () => 1, answerWithinMs: 30_000 },
      log: () => undefined,
      ...options,
    })
  type Node = ReturnType<typeof startNode>
  const publish = async (node: Node, tenantId: TenantId, points: number): Promise<string> => {
    try {
      const headers = await node.take('publish', { principal: undefined, address: '192.0.2.1', tenantId, points })
      return headers?.ratelimit?.replace(/;t=.*/, '') ?? 'none'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const refused = 'request.rate_limited'

  it('count what both have let pass', async () => {
    const [a, b] = [startNode(), startNode()]
    const tenantId = randomUUID() as TenantId
    expect(await publish(a, tenantId, 6)).to.equal('"publish";r=4')
    expect(await publish(b, tenantId, 3)).to.equal('"publish";r=1')
    expect(await publish(a, tenantId, 1)).to.equal('"publish";r=0')
    expect(await publish(b, tenantId, 1)).to.equal(refused)
  })

  it('let what fits pass after a batch that did not', async () => {
    const [a, b] = [startNode(), startNode()]
    const tenantId = randomUUID() as TenantId
    expect(await publish(a, tenantId, 6)).to.equal('"publish";r=4')
    expect(await publish(b, tenantId, 5)).to.equal(refused)
    expect(await publish(b, tenantId, 4)).to.equal('"publish";r=0')
  })

  it('are asked for no more once a client is over its limit on this node', async () => {
    let asked = 0
    const counting: typeof query = (text, values) => {
      asked += 1
      return query(text, values)
    }
    const node = startNode({ shared: { query: counting, otherApiNodes: async () => 1, answerWithinMs: 30_000 } })
    const tenantId = randomUUID() as TenantId
    for (let index = 0; index < 10; index++) await publish(node, tenantId, 1)
    expect(asked).to.equal(10)
    for (let index = 0; index < 10; index++) expect(await publish(node, tenantId, 1)).to.equal(refused)
    expect(asked).to.equal(10)
  })

  it('are used by `auto` while another node serves the API, and by `memory` never', async () => {
    const tenantId = randomUUID() as TenantId
    await publish(startNode(), tenantId, 10)
    const alone = startNode({ store: 'auto', shared: { query, otherApiNodes: async () => 0 } })
    expect(await publish(alone, tenantId, 1)).to.equal('"publish";r=9')
    expect(await publish(startNode({ store: 'memory' }), tenantId, 1)).to.equal('"publish";r=9')
    expect(await publish(startNode({ store: 'auto' }), tenantId, 1)).to.equal(refused)
  })

  it('count the first burst after a start, over all nodes', async () => {
    const nodes = [startNode({ store: 'auto' }), startNode({ store: 'auto' })]
    const tenantId = randomUUID() as TenantId
    const answers = await Promise.all(Array.from({ length: 8 }, () => nodes.map((node) => publish(node, tenantId, 1))).flat())
    expect(answers.filter((answer) => answer !== refused)).to.have.length(10)
  })

  it('ask who else is there once for a burst, and hold it up no longer than they may when nobody answers', async () => {
    let asked = 0
    const otherApiNodes = () => {
      asked += 1
      return never
    }
    const node = startNode({ store: 'auto', shared: { query, otherApiNodes, answerWithinMs: 50 } })
    const tenantId = randomUUID() as TenantId
    const burst = await Promise.all(Array.from({ length: 11 }, () => publish(node, tenantId, 1)))
    expect(burst.filter((answer) => answer !== refused)).to.have.length(10)
    expect(asked).to.equal(1)
  })

  for (const [what, broken] of [
    ['fails', () => Promise.reject(new Error('the database is away'))],
    ['does not answer', () => never],
  ] as const) {
    it(`fall back to those of the node when the database ${what}, and say so`, async () => {
      const logged: string[] = []
      const node = startNode({
        shared: { query: broken, otherApiNodes: async () => 1 },
        log: (level, message) => void logged.push(`${level}: ${message}`),
      })
      const tenantId = randomUUID() as TenantId
      expect(await publish(node, tenantId, 9)).to.equal('"publish";r=1')
      expect(await publish(node, tenantId, 1)).to.equal('"publish";r=0')
      expect(await publish(node, tenantId, 1)).to.equal(refused)
      expect(logged).to.deep.equal(['warn: requests are counted on this node alone: the shared counts are away'])
    })
  }
})
