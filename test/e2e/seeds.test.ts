import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { adminPassword, type MessageBody, type MessageList, type ProblemBody, type TenantBody } from '../support/api.ts'
import { startEngine, type TestEngine } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'

/** The examples of the applications whose API this one keeps, word for word. */
const examples = {
  login: `curl -X POST http://localhost:3000/v1/auth/login \\
  -H "Content-Type: application/json" \\
  -d '{
    "tenant_id": "your-tenant-id",
    "username": "admin", 
    "password": "password"
  }'`,
  create: `curl -X POST http://localhost:3000/v1/tenants \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "acme-corp",
    "max_workers": 5
  }'`,
  resize: `curl -X PUT http://localhost:3000/v1/tenants/{tenant_id}/config/concurrency \\
  -H "Content-Type: application/json" \\
  -d '{
    "workers": 10
  }'`,
  remove: 'curl -X DELETE http://localhost:3000/v1/tenants/{tenant_id}',
  publish: `curl -X POST http://localhost:3000/v1/tenants/{tenant_id}/messages \\
  -H "Content-Type: application/json" \\
  -d '{
    "type": "email",
    "data": {
      "to": "user@example.com",
      "subject": "Welcome!",
      "body": "Hello World"
    },
    "priority": 1
  }'`,
  list: 'curl "http://localhost:3000/v1/messages?limit=10&cursor=abc123"',
  createWithDescription: `curl -X POST http://localhost:8080/api/tenants -H "Content-Type: application/json" -d '{"name":"Test Partition","description":"Test tenant for partition verification","status":"active"}'`,
  resizeUnderApi: `curl -X PUT http://localhost:8080/api/tenants/2916830d-8ae9-479f-a5af-5f36cda831de/config/concurrency -H "Content-Type: application/json" -d '{"workers": 5}'`,
  removeUnderApi: 'curl -X DELETE http://localhost:8080/api/tenants/2a7a0324-8118-4e0a-9699-35c1ca694c2e',
} as const

const hasCurl = spawnSync('curl', ['--version']).status === 0

interface CurlAnswer<Body> {
  readonly status: number
  readonly body: Body
}

describe('the examples with curl', function () {
  this.timeout(120_000)
  let engine: TestEngine
  before(async () => {
    engine = await startEngine({ broker: 'rabbitmq' })
  })
  after(() => engine[Symbol.asyncDispose]())

  /** Runs an example as it stands, only with our address, a real id and the credentials that every call needs now. */
  async function curl<Body>(
    example: string,
    tenantId = '',
    replace: readonly (readonly [string, string])[] = [],
  ): Promise<CurlAnswer<Body>> {
    const { api } = engine
    const command = [...replace, ['{tenant_id}', tenantId] as const]
      .reduce((text, [from, to]) => text.replace(from, to), example)
      .replace(/http:\/\/localhost:(3000|8080)/, api.url)
      .replace(/tenants\/2[0-9a-f]{7}-[0-9a-f-]{27}/, `tenants/${tenantId}`)
      .replace(/^curl/, `curl --silent --show-error --write-out '\\n%{http_code}' --header "Authorization: Bearer ${api.token}"`)
    const stdout = hasCurl ? (await promisify(execFile)('/bin/sh', ['-c', command])).stdout : await imitateCurl(command)
    const end = stdout.lastIndexOf('\n')
    return { status: Number(stdout.slice(end + 1)), body: JSON.parse(stdout.slice(0, end)) as Body }
  }

  it('log in', async () => {
    const { status, body } = await curl<{ token: string; token_type: string }>(examples.login, '', [
      ['"password"\n', `"${adminPassword}"\n`],
    ])
    expect(status, JSON.stringify(body)).to.equal(200)
    expect(body.token_type).to.equal('Bearer')
    const listed = await engine.api.call('GET', '/v1/tenants', { headers: { authorization: `Bearer ${body.token}` } })
    expect(listed.status).to.equal(200)
    expect((await curl<ProblemBody>(examples.login)).status).to.equal(401)
  })

  it('create a tenant, publish, resize, list page by page, delete', async () => {
    const created = await curl<TenantBody>(examples.create)
    expect(created.status).to.equal(201)
    expect(created.body).to.include({ name: 'acme-corp', max_workers: 5, workers: 5, current_workers: 5, status: 'active' })
    const { id } = created.body

    const published = await curl<{ id: string; status: string }>(examples.publish, id)
    expect([published.status, published.body.status]).to.deep.equal([202, 'queued'])
    const resized = await curl(examples.resize, id)
    expect(resized).to.deep.equal({ status: 200, body: { tenant_id: id, workers: 10, previous_workers: 5, current_workers: 10 } })

    for (let n = 0; n < 14; n++) await curl(examples.publish, id)
    await engine.api.stored(id, 15)
    const wrongCursor = await curl<ProblemBody>(examples.list)
    expect([wrongCursor.status, wrongCursor.body.errors?.[0]?.path]).to.deep.equal([400, 'cursor'])
    const first = await curl<MessageList>(examples.list, '', [['&cursor=abc123', '']])
    expect([first.status, first.body.data.length]).to.deep.equal([200, 10])
    const second = await curl<MessageList>(examples.list, '', [['abc123', String(first.body.next_cursor)]])
    expect([second.status, second.body.data.length, second.body.next_cursor]).to.deep.equal([200, 5, null])
    const message = [...first.body.data, ...second.body.data].find((each) => each.id === published.body.id)
    expect(message).to.deep.include({
      tenant_id: id,
      type: 'email',
      data: { to: 'user@example.com', subject: 'Welcome!', body: 'Hello World' },
      priority: 1,
      status: 'processed',
    } satisfies Partial<MessageBody>)

    // What is not acknowledged yet would count as drained.
    await eventually(async () => (await engine.api.stats(id)).in_flight === 0)
    const removed = await curl(examples.remove, id)
    expect(removed.status).to.equal(200)
    expect(removed.body).to.deep.include({ id, status: 'deleted', drained: 0, discarded: 0 })
    expect((await curl(examples.remove, id)).status).to.equal(404)
  })

  it('create with a description and a status, resize and delete under /api; the partition is there, then gone', async () => {
    const created = await curl<TenantBody>(examples.createWithDescription)
    expect(created.status).to.equal(201)
    expect(created.body).to.include({ description: 'Test tenant for partition verification', status: 'active', workers: 3 })
    const { id } = created.body
    const tables = () => engine.installation.query(`select tablename from pg_tables where tablename like 'messages_%'`)
    const before = await tables()
    expect(before).to.have.length(1)
    expect((await curl<{ workers: number }>(examples.resizeUnderApi, id)).body.workers).to.equal(5)
    expect(await engine.installation.query('select id, name, workers from tenants')).to.deep.equal([
      { id, name: 'Test Partition', workers: 5 },
    ])
    expect((await engine.queue(id))?.consumers).to.equal(1)
    expect((await curl(examples.removeUnderApi, id)).status).to.equal(200)
    expect(await engine.queue(id)).to.equal(undefined)
    await eventually(async () => (await tables()).length === 0)
  })

  it('create a tenant with its first messages; read them by the cursor under /api', async () => {
    const { api } = engine
    const { id } = await api.expect<TenantBody>(201, 'POST', '/api/tenants', {
      json: { name: 'with messages', messages: [1, 2, 3].map((n) => ({ type: 'first', data: { n } })) },
    })
    await api.stored(id, 3)
    const first = await api.expect<MessageList>(200, 'GET', `/api/tenants/${id}/messages?limit=2`)
    const second = await api.expect<MessageList>(200, 'GET', `/api/tenants/${id}/messages?cursor=${first.next_cursor}`)
    expect([first.data.length, second.data.length, second.next_cursor]).to.deep.equal([2, 1, null])
  })

  it('a browser finds the documentation under /docs and /swagger', async () => {
    const { api } = engine
    for (const path of ['/docs', '/swagger', '/swagger/']) {
      const answer = await api.call('GET', path, { headers: { accept: 'text/html' } })
      expect([answer.status, answer.headers.get('content-type')?.startsWith('text/html')], path).to.deep.equal([200, true])
    }
    expect(await api.expect(200, 'GET', '/openapi.json')).to.have.property('openapi')
  })
})

/** For a machine without curl: the same request, read from the same command line. */
async function imitateCurl(command: string): Promise<string> {
  const headers = [...command.matchAll(/(?:-H|--header) "([^:]+): ([^"]+)"/g)].map(
    ([, name, value]) => [String(name), String(value)] as const,
  )
  const body = /-d '([^']*)'/.exec(command)?.[1]
  const response = await fetch(String(/http:[^\s"]+/.exec(command)?.[0]), {
    method: /-X (\w+)/.exec(command)?.[1] ?? 'GET',
    headers: Object.fromEntries(headers),
    ...(body === undefined ? {} : { body }),
  })
  return `${await response.text()}\n${response.status}`
}
