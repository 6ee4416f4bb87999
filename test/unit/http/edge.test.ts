import { expect } from 'chai'
import type { LimitedClient } from '../../../src/http/edge/limiter.ts'
import { eventually } from '../../support/eventually.ts'
import { openWire, readAnswer, speak } from './edge-wire.ts'
import { type Api, startApi } from './start-api.ts'

const end = 'Connection: close\r\n\r\n'

describe('what is not a sound HTTP request', () => {
  let api: Api
  before(async () => {
    api = await startApi()
  })
  after(() => api[Symbol.asyncDispose]())

  const post = 'POST /v1/tenants HTTP/1.1\r\nHost: x\r\n'
  const malformed: readonly (readonly [what: string, text: string])[] = [
    ['a length beside chunks', `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunks beside a length', `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
    ['two lengths that differ', `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`],
    ['two lengths that agree', `${post}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde`],
    ['a list of lengths', `${post}Content-Length: 5, 5\r\n\r\nabcde`],
    ['a negative length', `${post}Content-Length: -1\r\n\r\n`],
    ['a signed length', `${post}Content-Length: +5\r\n\r\nabcde`],
    ['chunked that is not the last coding', `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['an unknown transfer coding', `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', `${post}Content-Length : 5\r\n\r\nabcde`],
    ['a folded header', `${post}X-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a bare line feed', 'GET /healthz HTTP/1.1\nHost: x\n\n'],
    ['two Host headers', 'GET /healthz HTTP/1.1\r\nHost: x\r\nhost: y\r\nConnection: close\r\n\r\n'],
    ['a zero byte in a header', 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n'],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n'],
    ['another protocol', 'GET /healthz SIP/2.0\r\n\r\n'],
    ['no host', `GET /healthz HTTP/1.1\r\n${end}`],
  ]
  for (const [what, text] of malformed) {
    it(`is refused with 400 and a problem: ${what}`, async () => {
      const { status, headers, body } = readAnswer(await speak(api.port, text))
      expect([status, body.code, body.status]).to.deep.equal([400, 'request.malformed', 400])
      expect(headers.get('content-type')).to.equal('application/problem+json; charset=utf-8')
      expect(headers.get('connection')).to.equal('close')
      expect(headers.get('x-request-id'))
        .to.equal(body.request_id)
        .and.to.match(/^[\w-]+$/)
      expect(JSON.stringify(body)).to.not.match(/node:|\.ts|HPE_|Parse Error/)
    })
  }

  const large: readonly (readonly [what: string, text: string])[] = [
    ['a header of 100 KB', `GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`],
    ['a header of 100 KB without an end', `GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(100_000)}`],
    ['10,000 headers', `GET /healthz HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(10_000)}\r\n`],
    ['a path of 100 KB', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ]
  for (const [what, text] of large) {
    it(`is refused with 431 and a problem: ${what}`, async () => {
      const { status, body } = readAnswer(await speak(api.port, text))
      expect([status, body.code]).to.deep.equal([431, 'request.headers_too_large'])
    })
  }

  it('is refused after the answer to the request before it on the connection', async () => {
    const text = await speak(api.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n')
    const [first, second] = [text.indexOf('"status":"live"'), text.indexOf('HTTP/1.1 400')]
    expect(text.startsWith('HTTP/1.1 200')).to.equal(true)
    expect(second).to.be.greaterThan(first)
  })

  it('is refused in the middle of a body, which then reaches nobody', async () => {
    const head = `POST /v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.adminToken}\r\nContent-Type: application/json\r\n`
    const text = await speak(api.port, `${head}Transfer-Encoding: chunked\r\n\r\n10\r\n{"name":"from it"\r\nxyz\r\n}\r\n0\r\n\r\n`)
    expect(readAnswer(text).status).to.equal(400)
    expect((await api.call('GET', '/v1/tenants')).body.data).to.deep.equal([])
  })

  it('is not logged as a fault of ours, and the server lives on', async () => {
    expect((await api.call('GET', '/healthz')).status).to.equal(200)
    expect(api.logged.filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal([])
  })
})

describe('requests on one connection', () => {
  it('that come all at once are answered in their order', async () => {
    await using api = await startApi()
    const ask = (id: number) => `GET /v1/tenants HTTP/1.1\r\nHost: x\r\nX-Request-Id: r-${id}\r\n`
    const all = Array.from({ length: 50 }, (_, id) => `${ask(id)}\r\n`).join('')
    const text = await speak(api.port, `${all}${ask(50)}${end}`)
    const ids = [...text.matchAll(/X-Request-Id: r-(\d+)/gi)].map(([, id]) => Number(id))
    expect(ids).to.deep.equal(Array.from({ length: 51 }, (_, id) => id))
  })

  it('go on after an answer that came before the body was whole', async () => {
    await using api = await startApi()
    await using wire = await openWire(api.port)
    wire.send('POST /v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n{')
    await eventually(() => wire.text().includes('auth.required'))
    wire.send(`${' '.repeat(19_998)}}GET /healthz HTTP/1.1\r\nHost: x\r\n${end}`)
    expect(await wire.closed).to.include('"status":"live"')
  })

  it('with an expectation that nobody knows are answered', async () => {
    await using api = await startApi()
    const text = await speak(api.port, `GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n${end}`)
    expect(readAnswer(text).status).to.equal(200)
  })
})

describe('a body over the limit', () => {
  const head = (api: Api, more: string) =>
    `POST /v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.adminToken}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`

  it('is refused before it is read when its length is declared', async () => {
    await using api = await startApi({ limits: { bodyBytes: 1_000 } })
    const answer = readAnswer(await speak(api.port, head(api, 'Content-Length: 1073741824')))
    expect([answer.status, answer.body.code]).to.deep.equal([413, 'request.too_large'])
  })

  it('is refused at the limit when it comes in chunks, and the connection is cut long before its end', async () => {
    await using api = await startApi({ limits: { bodyBytes: 100_000 } })
    await using wire = await openWire(api.port)
    wire.send(head(api, 'Transfer-Encoding: chunked'))
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`
    const gigabyte = 1_073_741_824
    const memoryBefore = process.memoryUsage().arrayBuffers
    let sent = 0
    const pour = (): void => {
      while (sent < gigabyte && !wire.socket.destroyed && wire.socket.write(chunk)) sent += chunk.length
    }
    wire.socket.on('drain', pour)
    pour()
    const text = await wire.closed
    expect(readAnswer(text).body.code).to.equal('request.too_large')
    expect(sent).to.be.lessThan(gigabyte / 2)
    expect(process.memoryUsage().arrayBuffers - memoryBefore).to.be.lessThan(64 * 1024 * 1024)
    expect((await api.call('GET', '/healthz')).status).to.equal(200)
  })

  it('is no way in for an endless one without credentials either', async () => {
    await using api = await startApi({ limits: { bodyBytes: 1_000 } })
    await using wire = await openWire(api.port)
    wire.send('POST /v1/tenants HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    await eventually(() => wire.text().includes('auth.required'))
    wire.send('1\r\na\r\n')
    expect(readAnswer(await wire.closed).status).to.equal(401)
  })
})

describe('the client’s address', () => {
  /** The address that the server sees for a request with this X-Forwarded-For. */
  async function seenAddress(trustProxy: number | readonly string[] | undefined, forwarded: string): Promise<string | undefined> {
    const seen: LimitedClient[] = []
    await using api = await startApi({
      ...(trustProxy === undefined ? {} : { trustProxy }),
      limiter: {
        take: (_group, client) => {
          seen.push(client)
          return undefined
        },
      },
    })
    await api.call('GET', '/v1/tenants', {
      headers: { 'x-forwarded-for': forwarded, forwarded: `for=${forwarded}`, 'x-real-ip': forwarded },
    })
    return seen[0]?.address
  }

  const cases: readonly (readonly [trust: number | readonly string[] | undefined, forwarded: string, seen: string, what: string])[] = [
    [undefined, '203.0.113.9', '127.0.0.1', 'is that of the connection when no proxy is trusted'],
    [0, '203.0.113.9', '127.0.0.1', 'is that of the connection with zero proxies'],
    [1, '203.0.113.9', '203.0.113.9', 'is what the trusted proxy says'],
    [1, '198.51.100.1, 203.0.113.9', '203.0.113.9', 'is not what the client has put before the proxy’s word'],
    [2, '198.51.100.1, 203.0.113.9, 10.0.0.2', '203.0.113.9', 'is found behind two proxies'],
    [['127.0.0.1', '10.0.0.0/8'], '198.51.100.1, 203.0.113.9, 10.0.0.2', '203.0.113.9', 'is the first that is no trusted proxy'],
    [['10.0.0.0/8'], '203.0.113.9', '127.0.0.1', 'is that of a connection that does not come from a trusted proxy'],
    [1, '<script>', '127.0.0.1', 'is never anything but an address'],
    [1, '203.0.113.9:4711', '203.0.113.9', 'is free of the port that some proxies add'],
    [1, '[2001:db8::1]:4711', '2001:db8::1', 'is free of brackets'],
    [1, '::ffff:203.0.113.9', '203.0.113.9', 'is IPv4 where IPv4 is written as IPv6'],
  ]
  for (const [trust, forwarded, seen, what] of cases) {
    it(`${what} (${forwarded})`, async () => expect(await seenAddress(trust, forwarded)).to.equal(seen))
  }
})

describe('pages for people', () => {
  for (const path of ['/docs/', '/swagger/', '/docs/index.html']) {
    it(`at ${path} take scripts and styles from this server alone, and need nothing else`, async () => {
      await using api = await startApi()
      const page = await api.call('GET', path, { token: null })
      expect(page.status).to.equal(200)
      const policy = page.headers.get('content-security-policy')?.split(';') ?? []
      expect(policy).to.include.members(["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"])
      expect(policy.join()).to.not.include('unsafe')
      expect([page.headers.get('x-content-type-options'), page.headers.get('x-frame-options')]).to.deep.equal(['nosniff', 'SAMEORIGIN'])
      expect(page.text).to.not.match(/<style|<script>|\sstyle=|\son\w+=|https?:/)
      const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? '')
      expect(files).to.have.length(6)
      for (const file of files) {
        const { status, headers } = await api.call('GET', new URL(file, `http://x${path}`).pathname, { token: null })
        expect([status, headers.get('x-content-type-options')], file).to.deep.equal([200, 'nosniff'])
        expect(headers.get('x-request-id'), file).to.match(/^[\w-]+$/)
      }
    })
  }
})
