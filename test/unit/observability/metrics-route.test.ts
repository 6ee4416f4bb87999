/** Who may read /metrics, in which format, and what of a request is counted. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import express from 'express'
import type { AnsweredRequest } from '../../../src/core/ports/metrics.ts'
import { Refusal } from '../../../src/http/request/refusal.ts'
import { factsOf } from '../../../src/http/request-facts.ts'
import { countRequests } from '../../../src/http/routes/system/count-requests.ts'
import { seesTenants } from '../../../src/http/routes/system/metrics-access.ts'
import { wantsOpenMetrics } from '../../../src/http/routes/system/metrics-format.ts'
import { eventually } from '../../support/eventually.ts'

const token = 'a-token-of-sixteen-characters'

function createAccess(configured: string | undefined) {
  const wrong: string[] = []
  const access = {
    token: configured,
    isAdmin: async (authorization: string) => authorization === 'Bearer admin',
    countWrong: async (address: string) => void wrong.push(address),
  }
  const ask = (authorization?: string) =>
    seesTenants(access, { authorization, address: '192.0.2.1' }).catch((error: unknown) => (error instanceof Refusal ? error.code : error))
  return { wrong, ask }
}

describe('/metrics', () => {
  it('without a token is open to everybody, and shows tenants to platform admins alone', async () => {
    const { wrong, ask } = createAccess(undefined)
    expect([await ask(), await ask('Bearer admin'), await ask('Bearer somebody')]).to.deep.equal([false, true, false])
    expect(wrong).to.have.length(1)
    // What Prometheus sends when its token is empty.
    expect([await ask('Bearer'), wrong.length]).to.deep.equal([false, 1])
  })

  it('with a token is for those who have it and for platform admins; a wrong one counts against the address', async () => {
    const { wrong, ask } = createAccess(token)
    for (const right of [`Bearer ${token}`, `bearer ${token}`, 'Bearer admin']) expect(await ask(right), right).to.equal(true)
    expect(wrong).to.deep.equal([])
    for (const other of [undefined, '', 'Bearer', 'bearer ', `Bearer ${token}x`, `bearer${token}`, token, `Basic ${token}`]) {
      expect(await ask(other), other).to.equal('auth.required')
    }
    expect(wrong).to.have.length(4)
  })

  it('answers in OpenMetrics when it is asked for, and not liked less than text', () => {
    const prometheus =
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
    for (const accept of [prometheus, 'application/openmetrics-text', 'Application/OpenMetrics-Text; q=0.4, text/plain;q=0.3']) {
      expect(wantsOpenMetrics(accept), accept).to.equal(true)
    }
    for (const accept of [
      undefined,
      '',
      '*/*',
      'text/plain',
      'text/html,*/*;q=0.8',
      'application/openmetrics-text;q=0',
      'text/plain, application/openmetrics-text;q=x',
    ]) {
      expect(wantsOpenMetrics(accept), accept).to.equal(false)
    }
  })
})

describe('the count of requests', () => {
  it('has the action, the status and the time, and neither path nor query', async () => {
    const counted: AnsweredRequest[] = []
    const app = express()
    app.use(countRequests((request) => counted.push(request)))
    app.post('/publish', (request, response) => {
      factsOf(request, response).action = 'message.publish'
      response.status(202).end()
    })
    app.get('/stream', (request, response) => {
      factsOf(request, response).isEndless = true
      response.end()
    })
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await fetch(`${url}/publish?secret=1`, { method: 'POST' })
    await fetch(`${url}/stream`)
    await fetch(`${url}/nothing`, { method: 'DELETE' })
    await eventually(() => counted.length === 3)
    server.close()
    expect(counted.map(({ seconds, ...rest }) => ({ ...rest, timed: seconds !== undefined && seconds > 0 && seconds < 10 }))).to.deep.equal(
      [
        { action: 'message.publish', kind: 'publish', status: 202, traceId: undefined, timed: true },
        { action: 'none', kind: 'read', status: 200, traceId: undefined, timed: false },
        { action: 'none', kind: 'write', status: 404, traceId: undefined, timed: true },
      ],
    )
  })
})
