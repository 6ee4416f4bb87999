import { expect } from 'chai'
import { tenantConfig } from '../../../src/http/schemas/tenant-config.ts'
import { startApi } from './start-api.ts'

const limited = { rate_limits: { publish_per_second: 5 } }

describe('the rate limits of a tenant', () => {
  const setup = async (config: object = limited) => {
    const api = await startApi()
    const id = await api.createTenant('acme', config)
    const path = `/v1/tenants/${id}`
    const tokens = { operator: await api.tokenOf(id, 'operator'), owner: await api.tokenOf(id, 'owner') }
    const ways = [
      ...Object.values(tokens).map((token) => (json: object) => api.call('PUT', `${path}/config`, { token, json })),
      ...['PUT', 'PATCH'].map((method) => (config: object) => api.call(method, path, { token: tokens.owner, json: { config } })),
    ]
    return {
      api,
      ways,
      id,
      path,
      stored: async () => tenantConfig.parse((await api.call('GET', `${path}/config`)).body),
      [Symbol.asyncDispose]: () => api.server.close(0),
    }
  }

  it('are not for the tenant to lift or to change, whichever way', async () => {
    await using tenant = await setup()
    for (const put of tenant.ways) {
      for (const rate_limits of [{}, { publish_per_second: 6 }]) {
        const { status, body } = await put({ rate_limits })
        expect([status, body.code]).to.deep.equal([403, 'auth.forbidden'])
        expect(body.detail).to.include('rate_limits')
      }
    }
    expect(await tenant.stored()).to.deep.equal(limited)
  })

  it('are not for the tenant to set', async () => {
    await using tenant = await setup({})
    for (const put of tenant.ways) expect((await put(limited)).status).to.equal(403)
    expect(await tenant.stored()).to.deep.equal({})
  })

  it('stay when the tenant leaves them out, or as they are, and are noted so', async () => {
    await using tenant = await setup()
    for (const [a, put] of tenant.ways.entries()) {
      for (const json of [{ a }, { a, ...limited }]) expect((await put(json)).status).to.equal(200)
      expect(await tenant.stored()).to.deep.equal({ a, ...limited })
      expect((await tenant.api.audited(tenant.id))[0]?.after).to.deep.equal({ config: { a, ...limited } })
    }
  })

  it('are set, changed and removed by a platform admin', async () => {
    await using tenant = await setup({})
    for (const json of [limited, { rate_limits: { publish_per_second: 9 } }, { b: 1 }]) {
      expect((await tenant.api.call('PUT', `${tenant.path}/config`, { json })).status).to.equal(200)
      expect(await tenant.stored()).to.deep.equal(json)
    }
  })

  it('stay as an admin has set them a moment before the tenant’s own change', async () => {
    await using tenant = await setup({})
    const { engine } = tenant.api
    const { changeTenant } = engine
    let overtaken = false
    engine.changeTenant = async (...change) => {
      if (!overtaken) await changeTenant(tenant.id, { config: limited })
      overtaken = true
      return changeTenant(...change)
    }
    expect((await tenant.ways[0]?.({ a: 1 }))?.status).to.equal(200)
    expect(await tenant.stored()).to.deep.equal({ a: 1, ...limited })
  })
})
