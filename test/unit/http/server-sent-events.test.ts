import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import type { Principal } from '../../../src/auth/index.ts'
import { createPrincipalMemory } from '../../../src/auth/principal-memory.ts'
import { AppError } from '../../../src/core/errors.ts'
import { type ServerSentEvent, sendEvents, type Watchfulness } from '../../../src/http/answer/events.ts'
import { openEvents } from '../../support/event-client.ts'
import { eventually } from '../../support/eventually.ts'
import { openWire } from './edge-wire.ts'

type Source = (signal: AbortSignal) => AsyncIterable<ServerSentEvent>

interface Served extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly server: Server
  /** How each answer has ended: nothing, or with what error. */
  readonly outcomes: (unknown | undefined)[]
}

/** A server that answers everything with the events. */
async function serve(events: Source, watchfulness: Partial<Watchfulness> = {}): Promise<Served> {
  const outcomes: unknown[] = []
  const server = createServer((_request, response) => {
    const watching = { refuse: async () => undefined, isDraining: () => false, ...watchfulness }
    sendEvents(response, 'an-id', { status: 200, events }, watching).then(
      () => outcomes.push(undefined),
      (error) => {
        outcomes.push(error)
        response.destroy()
      },
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    server,
    outcomes,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })

/** These, and then nothing more. */
const then = (...events: readonly ServerSentEvent[]): Source =>
  async function* (signal) {
    yield* events
    await untilAborted(signal)
  }

describe('server-sent events', () => {
  it('are written as their format wants, whatever their data is', async () => {
    const data = { text: 'line\nend\r\n\u2028 data: x\n\nevent: bye', nothing: null }
    await using served = await serve(then({ event: 'first', id: 'e-1', data }, { event: 'second', data: [] }))
    await using stream = await openEvents(served.url)
    expect(await stream.wait(2)).to.deep.equal([
      { id: 'e-1', event: 'first', data },
      { id: undefined, event: 'second', data: [] },
    ])
    expect(stream.text()).to.match(/^retry: 2000\n\nid: e-1\nevent: first\ndata: \{[^\n]*\}\n\nevent: second\ndata: \[\]\n\n$/)
    const header = (name: string) => stream.headers.get(name)
    expect([stream.status, header('content-type'), header('cache-control'), header('x-accel-buffering')]).to.deep.equal([
      200,
      'text/event-stream',
      'no-store',
      'no',
    ])
    expect([header('x-request-id'), header('x-content-type-options')]).to.deep.equal(['an-id', 'nosniff'])
  })

  it('begin before their headers are sent, and of HEAD nothing begins', async () => {
    let begun = 0
    const events: Source = (signal) => {
      begun += 1
      return then()(signal)
    }
    await using served = await serve(events)
    const head = await fetch(served.url, { method: 'HEAD' })
    expect([head.headers.get('content-type'), await head.text(), begun]).to.deep.equal(['text/event-stream', '', 0])
    await using _stream = await openEvents(served.url)
    expect(begun).to.equal(1)
  })

  it('that are silent are kept alive with comments', async () => {
    await using served = await serve(then(), { timing: { heartbeat: 5 } })
    await using stream = await openEvents(served.url)
    await eventually(() => stream.text().split(': still here\n\n').length > 3)
    expect(stream.events()).to.deep.equal([])
  })

  it('end when their client has gone', async () => {
    let aborted = false
    const events: Source = async function* (signal) {
      yield { event: 'first', data: 1 }
      await untilAborted(signal)
      aborted = true
    }
    await using served = await serve(events)
    await using stream = await openEvents(served.url)
    await stream.wait(1)
    stream.leave()
    await eventually(() => aborted && served.outcomes.length === 1)
    expect(served.outcomes).to.deep.equal([undefined])
  })

  it('say good-bye when they have ended, and leave the connection to the next request', async () => {
    await using served = await serve(async function* () {
      yield { event: 'only', data: 1 }
    })
    await using wire = await openWire(served.port)
    for (let answers = 1; answers <= 2; answers++) {
      wire.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await eventually(() => wire.text().split('event: bye\ndata: {"reason":"stream.ended"}\n\n\r\n0\r\n\r\n').length === answers + 1)
    }
  })

  it('break off when they fail', async () => {
    const fault = new Error('of the source')
    await using served = await serve(async function* () {
      yield { event: 'first', data: 1 }
      throw fault
    })
    await using stream = await openEvents(served.url)
    expect(await stream.ended.catch(() => 'broken')).to.equal('broken')
    expect(served.outcomes).to.deep.equal([fault])
  })

  it('end when the node drains', async () => {
    let isDraining = false
    await using served = await serve(then({ event: 'first', data: 1 }), { isDraining: () => isDraining, timing: { drain: 5 } })
    await using stream = await openEvents(served.url)
    await stream.wait(1)
    isDraining = true
    await stream.ended
    expect(stream.events().at(-1)?.data).to.deep.equal({ reason: 'node.draining' })

    // One look is enough for all of them.
    let answers: boolean[] = []
    const isDrainingOnce = () => answers.shift() ?? false
    await using many = await serve(then({ event: 'first', data: 1 }), { isDraining: isDrainingOnce, timing: { drain: 5 } })
    const streams = await Promise.all(Array.from({ length: 5 }, () => openEvents(many.url)))
    for (const each of streams) await each.wait(1)
    answers = [true]
    for (const each of streams) await each.ended
    expect(streams.map((each) => each.events().at(-1)?.data.reason)).to.deep.equal(streams.map(() => 'node.draining'))

    // Or when what they tell of does so first.
    await using ended = await serve(async function* () {}, { isDraining: () => true })
    await using short = await openEvents(ended.url)
    await short.ended
    expect(short.events().at(-1)?.data).to.deep.equal({ reason: 'node.draining' })
  })

  it('end when their client may not listen any more', async () => {
    let reason: string | undefined
    await using served = await serve(then(), { refuse: async () => reason })
    await using stream = await openEvents(served.url)
    reason = 'auth.forbidden'
    const sinceMs = performance.now()
    await stream.ended
    // As soon as plain requests are refused, however long the stream has been open.
    expect(performance.now() - sinceMs).to.be.lessThan(5_000)
    expect(stream.events()).to.deep.equal([{ id: undefined, event: 'bye', data: { reason: 'auth.forbidden' } }])
  })

  it('go on for a minute while the database is away, as plain requests do, and then end', async () => {
    const principal: Principal = { kind: 'admin', id: 'a', username: 'root', sessionId: 's' }
    let [nowMs, believedUntilMs, unknown] = [0, 0, 0]
    const verify = async () => {
      if (nowMs > 0) throw new AppError('database.unavailable', 'away', { retryable: true })
      return { principal, expiresAtMs: 3_600_000 }
    }
    const memory = createPrincipalMemory(verify, () => nowMs)
    await memory.recall('token')
    const refuse = async () => {
      nowMs += 1_000
      unknown += 1
      await memory.recall('token')
      unknown -= 1
      believedUntilMs = nowMs
      return undefined
    }
    await using served = await serve(then(), { refuse, timing: { recheck: 1 } })
    await using stream = await openEvents(served.url)
    await stream.ended
    expect(stream.events().at(-1)?.data).to.deep.equal({ reason: 'auth.unavailable' })
    expect([believedUntilMs, unknown]).to.deep.equal([59_000, 1])
  })

  it('are cut off when their client does not read, and nobody makes more of them than it has taken', async () => {
    const large = 'x'.repeat(10_000)
    let made = 0
    let ended = false
    const events: Source = async function* (signal) {
      try {
        while (!signal.aborted) {
          made += 1
          yield { event: 'more', data: large }
        }
      } finally {
        ended = true
      }
    }
    await using served = await serve(events, { timing: { stall: 100, heartbeat: 10 } })
    await using wire = await openWire(served.port)
    wire.socket.pause()
    wire.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await eventually(() => served.outcomes.length === 1)
    // The network holds some megabytes; the process holds none.
    expect(made).to.be.lessThan(2_000)
    expect([ended, served.outcomes]).to.deep.equal([true, [undefined]])
    wire.socket.resume()
    expect(await wire.closed).to.not.include('bye')
  })
})
