import { expect } from 'chai'
import { eventually } from '../../support/eventually.ts'
import { openWire, readAnswer, type Wire } from './edge-wire.ts'
import { type Api, startApi } from './start-api.ts'

// Long for a slow machine: what is sent at once must be there in time.
const limits = { bodyBytes: 1_048_576, headersTimeoutMs: 1_500, requestTimeoutMs: 2_000 }
const dribbleEveryMs = 50

/** Sends a byte now and then until the server closes the connection; after it has read: a write that fails would lose the answer. */
async function dribble(wire: Wire, start: string): Promise<string> {
  wire.send(start)
  const dribbling = setInterval(() => setImmediate(wire.send, 'a'), dribbleEveryMs)
  try {
    return await wire.closed
  } finally {
    clearInterval(dribbling)
  }
}

const startPost = (api: Api): string =>
  `POST /v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.adminToken}\r\nContent-Type: application/json\r\n`

describe('slow clients', function () {
  this.timeout(120_000)

  it('that dribble their headers over 500 connections keep nobody else waiting, and are told and cut off', async () => {
    await using api = await startApi({ limits })
    const wires = await Promise.all(Array.from({ length: 500 }, () => openWire(api.port)))
    try {
      const endings = Promise.all(wires.map((wire) => dribble(wire, 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ')))
      let isOver = false
      void endings.then(() => {
        isOver = true
      })
      let served = 0
      while (!isOver) {
        expect((await api.call('GET', '/v1/tenants')).status).to.equal(200)
        served += 1
      }
      expect(served).to.be.greaterThan(3)
      for (const text of await endings) {
        // One whose last byte crossed the server's answer may have been reset before it could read it.
        if (text === '') continue
        const { status, headers, body } = readAnswer(text)
        expect([status, body.code, headers.get('connection')]).to.deep.equal([408, 'request.timeout', 'close'])
      }
      expect((await endings).filter((text) => text !== '')).to.have.length.greaterThan(400)
    } finally {
      for (const wire of wires) wire.socket.destroy()
    }
  })

  it('that say nothing at all are cut off', async () => {
    await using api = await startApi({ limits })
    await using wire = await openWire(api.port)
    expect(readAnswer(await wire.closed).status).to.equal(408)
  })

  it('that dribble a body are told and cut off, and nothing is done with what came', async () => {
    await using api = await startApi({ limits })
    await using wire = await openWire(api.port)
    const answer = readAnswer(await dribble(wire, `${startPost(api)}Content-Length: 1000\r\n\r\n{"name":"`))
    expect([answer.status, answer.body.code]).to.deep.equal([408, 'request.timeout'])
    expect((await api.call('GET', '/v1/tenants')).body.data).to.deep.equal([])
    expect(api.logged.filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal([])
  })

  it('that dribble a body nobody waits for are cut off after their answer', async () => {
    await using api = await startApi()
    await using wire = await openWire(api.port)
    const text = await dribble(wire, 'POST /v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n')
    expect(readAnswer(text).status).to.equal(401)
  })

  it('that never read and go on sending are cut off, too', async () => {
    await using api = await startApi({ limits })
    await using wire = await openWire(api.port)
    wire.socket.pause()
    await dribble(wire, 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(300))
  })

  it('that ask and never read make the server stop working for them, not for others', async () => {
    await using api = await startApi({ limits: { bodyBytes: 1_048_576 } })
    await using wire = await openWire(api.port)
    wire.socket.pause()
    const question = `GET /openapi.json HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(1_000)}\r\n\r\n`
    const asked = 2_000
    // As much as the network takes; the rest waits on the client's side.
    wire.send(question.repeat(asked))
    const answered = () => api.logged.filter(({ details }) => details.action === 'public').length
    let last = -1
    await eventually(
      () => {
        const before = last
        last = answered()
        return last > 0 && last === before
      },
      { everyMs: 200, timeoutMs: 100_000 },
    )
    expect(answered()).to.be.lessThan(asked / 2)
    expect((await api.call('GET', '/healthz')).status).to.equal(200)
  })
})
