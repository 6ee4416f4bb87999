import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import type { ExportTenant } from '../../../src/http/routes/tenants/export.ts'
import { eventually } from '../../support/eventually.ts'
import { startApi } from './start-api.ts'

const line = `${'x'.repeat(65_535)}\n`

describe('the export of a tenant', () => {
  it('comes as lines of JSON, with the message data that the caller is shown', async () => {
    await using api = await startApi()
    const id = await api.createTenant('acme', { payload_visibility: 'tenant' })
    const owner = await api.tokenOf(id, 'owner')
    for (const [token, withPayloads] of [
      [owner, true],
      [api.adminToken, false],
    ] as const) {
      const { status, headers, text } = await api.call('GET', `/v1/tenants/${id}/export`, { token })
      expect([status, headers.get('content-type')]).to.deep.equal([200, 'application/x-ndjson; charset=utf-8'])
      expect(headers.get('content-disposition')).to.equal(`attachment; filename="tenant-${id}.ndjson"`)
      expect(JSON.parse(text)).to.deep.equal({ kind: 'tenant', id, withPayloads })
    }
    expect((await api.audited(id))[0]?.action).to.equal('tenant.export')
  })

  it('is asked for no faster than the client takes it, and no more once the client has gone', async () => {
    let asked = 0
    let ended = false
    const exportTenant: ExportTenant = async function* () {
      try {
        for (;;) {
          asked += 1
          yield line
        }
      } finally {
        ended = true
      }
    }
    await using api = await startApi({ exportTenant })
    const id = await api.createTenant()
    const leaving = new AbortController()
    const response = await fetch(`${api.base}/v1/tenants/${id}/export`, {
      headers: { authorization: `Bearer ${api.adminToken}` },
      signal: leaving.signal,
    })
    expect(response.status).to.equal(200)
    // What the sockets hold is asked for, and then nothing until somebody reads.
    let before = -1
    await eventually(async () => {
      const isStill = asked === before && asked > 0
      before = asked
      return isStill
    })
    expect(asked).to.be.lessThan(2_000)
    expect(ended).to.equal(false)
    leaving.abort()
    await eventually(async () => ended)
    expect(api.logged.filter(({ level }) => level === 'error')).to.deep.equal([])
  })

  it('that fails at its first line is answered with a problem', async () => {
    // biome-ignore lint/correctness/useYield: it fails before it has anything
    const exportTenant: ExportTenant = async function* () {
      throw new AppError('database.unavailable', 'away')
    }
    await using api = await startApi({ exportTenant })
    const { status, body } = await api.call('GET', `/v1/tenants/${await api.createTenant()}/export`)
    expect([status, body.code]).to.deep.equal([503, 'database.unavailable'])
  })

  it('that fails later breaks off, so that nobody takes it for complete, and is logged', async () => {
    const exportTenant: ExportTenant = async function* () {
      yield '{}\n'
      throw new Error('broken')
    }
    await using api = await startApi({ exportTenant })
    const failure = await api.call('GET', `/v1/tenants/${await api.createTenant()}/export`).catch((error) => error)
    expect(failure).to.be.instanceOf(TypeError)
    expect(api.logged.filter(({ level }) => level === 'error').map(({ message }) => message)).to.deep.equal(['request failed'])
  })

  it('sends nothing to a client that asks for the headers alone', async () => {
    let asked = 0
    const exportTenant: ExportTenant = async function* () {
      for (;;) {
        asked += 1
        yield line
      }
    }
    await using api = await startApi({ exportTenant })
    expect((await api.call('HEAD', `/v1/tenants/${await api.createTenant()}/export`)).status).to.equal(200)
    expect(asked).to.equal(1)
  })
})
