import { join } from 'node:path'
import { expect } from 'chai'
import { defineHandler, type HandlerDefinition } from '../../../src/handlers/index.ts'
import { type Api, installationSecret } from '../../support/api.ts'
import { startEngine, startNodeOn, type TestEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import type { Installation } from '../../support/installation.ts'

const canary = 'canary-0123456789'
const threadFile = join(import.meta.dirname, '../../support/handlers/secretive.ts')

const seen: string[] = []
const handlers: readonly HandlerDefinition[] = [
  defineHandler({
    type: 'uses',
    handle: async (_, { secret }) => {
      seen.push(await secret('mail.api-key'))
    },
  }),
  defineHandler({
    type: 'tells',
    handle: async (_, { secret }) => {
      throw new Error(`the mail service refused ${await secret('mail.api-key')}`)
    },
  }),
]
const config = { handlers: [threadFile], retry: { attempts: 1 } }

const setSecret = (api: Api, tenantId: string, value: string, name = 'mail.api-key') =>
  api.expect(204, 'PUT', `/v1/tenants/${tenantId}/secrets/${name}`, { json: { value } })

/** The one message of this id, once it has failed. */
const failureOf = (api: Api, tenantId: string, id: string) =>
  eventually(async () => {
    const answer = await api.call<{ error: { message: string } }>('GET', `/v1/tenants/${tenantId}/failed-messages/${id}`)
    if (answer.status !== 200) throw new Error(`it has not failed: ${answer.text}`)
    return answer.body.error.message
  })

/** The tables that hold the text in any row, as it is or as bytes. */
async function tablesWith(installation: Installation, text: string): Promise<string[]> {
  const tables = await installation.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'tenantry_queue')`,
  )
  const found: string[] = []
  for (const { name } of tables) {
    const hex = Buffer.from(text).toString('hex')
    const [row] = await installation.query<{ count: number }>(
      `select count(*)::int as count from ${name} t where t::text like $1 or t::text like $2`,
      [`%${text}%`, `%${hex}%`],
    )
    if (row && row.count > 0) found.push(name)
  }
  return found
}

describe('secrets of a tenant', () => {
  let engine: TestEngine
  before(async () => {
    engine = await startEngine({ broker: 'postgres', handlers, config })
  })
  after(() => engine[Symbol.asyncDispose]())

  it('reach its handlers, each of its own tenant, and a change at once', async () => {
    const { api } = engine
    const [one, other] = [await api.createTenant(), await api.createTenant()]
    await setSecret(api, one.id, 'of one')
    await setSecret(api, other.id, 'of the other')
    seen.length = 0
    await api.publish(one.id, { type: 'uses' })
    await api.stored(one.id, 1)
    await api.publish(other.id, { type: 'uses' })
    await api.stored(other.id, 1)
    await setSecret(api, one.id, 'changed')
    await api.publish(one.id, { type: 'uses' })
    await api.stored(one.id, 2)
    expect(seen).to.deep.equal(['of one', 'of the other', 'changed'])
  })

  it('reach a handler in a thread', async () => {
    const { api } = engine
    const { id } = await api.createTenant()
    await setSecret(api, id, 'within reach', 'known')
    await api.publish(id, { type: 'reads secrets', data: { names: ['known'] } })
    const stored = await api.stored(id, 2)
    expect(stored.find(({ type }) => type === 'read')?.data).to.deep.equal(['within reach'])
  })

  it('are asked for by the message that lacks one, until somebody sets it', async () => {
    const { api } = engine
    const { id } = await api.createTenant()
    const messageId = await api.publish(id, { type: 'uses' })
    expect(await failureOf(api, id, messageId)).to.equal(
      `the handler failed: the tenant has no secret "mail.api-key"; PUT /v1/tenants/${id}/secrets/mail.api-key sets it`,
    )
    await setSecret(api, id, 'now')
    await api.applyToFailed(id, 'retry')
    await eventually(async () => (await api.message(id, messageId)).status === 'processed')
  })

  it('are in no row of the database and in no answer, though a handler fails with one', async () => {
    const { api, installation } = engine
    const { id } = await api.createTenant()
    await setSecret(api, id, canary)
    await setSecret(api, id, canary, 'known')
    const here = await api.publish(id, { type: 'tells' })
    const there = await api.publish(id, { type: 'tells secrets', data: { how: 'throws' } })
    expect(await failureOf(api, id, here)).to.equal('the handler failed: the mail service refused [redacted]')
    expect(await failureOf(api, id, there)).to.equal('the handler failed: it is [redacted]')
    for (const path of ['', '/secrets', '/failed-messages', '/messages', '/audit', '/export']) {
      const answer = await fetch(`${api.url}/v1/tenants/${id}${path}`, { headers: { authorization: `Bearer ${api.token}` } })
      expect(answer.status, path).to.equal(200)
      expect(await answer.text(), path).to.not.include(canary)
    }
    const refused = await api.call('PUT', `/v1/tenants/${id}/secrets/mail.api-key`, { json: { value: canary, extra: canary } })
    expect(refused.status).to.equal(400)
    expect(refused.text).to.not.include(canary)
    expect(await tablesWith(installation, canary)).to.deep.equal([])
  })

  it('outlive a change of the installation’s secret, and name the key that is missing without it', async () => {
    const { api, installation } = engine
    const { id } = await api.createTenant({ status: 'paused' })
    await setSecret(api, id, 'from before')
    const keysOf = async () => {
      const rows = await installation.query<{ key_id: string }>('select key_id from tenant_secrets where tenant_id = $1', [id])
      return rows.map(({ key_id }) => key_id)
    }
    const [keyBefore] = await keysOf()
    const secret = 'another-secret-for-tests-only-of-32-characters'

    {
      await using stranger = await startNodeOn(installation, { handlers, config: { ...config, secret: `${secret}, which is wrong` } })
      await engine.close()
      await stranger.api.expect(200, 'POST', `/v1/tenants/${id}/resume`)
      const error = await failureOf(stranger.api, id, await stranger.api.publish(id, { type: 'uses' }))
      expect(error).to.include(`sealed with the key ${keyBefore}`).and.to.include('TENANTRY_SECRET_PREVIOUS')
      expect((await stranger.node.engine.readiness()).ready).to.equal(true)
    }
    {
      await using rotated = await startNodeOn(installation, {
        handlers,
        config: { ...config, secret, secretPrevious: installationSecret },
      })
      await eventually(async () => expect(await keysOf()).to.not.include(keyBefore))
      await rotated.close()
    }
    await using alone = await startNodeOn(installation, { handlers, config: { ...config, secret } })
    seen.length = 0
    await alone.api.publish(id, { type: 'uses' })
    await eventually(() => expect(seen).to.deep.equal(['from before']))
  })
})
