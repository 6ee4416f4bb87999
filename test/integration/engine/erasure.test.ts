import { expect } from 'chai'
import { type TenantId, tenantDeadLetterQueueName, tenantQueueName } from '../../../src/core/ids.ts'
import { defineHandler } from '../../../src/handlers/index.ts'
import type { Api } from '../../support/api.ts'
import { startEngine, type TestEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds, type Installation } from '../../support/installation.ts'

interface Certificate {
  readonly tenant_id: string
  readonly started_at: string
  readonly completed_at: string
  readonly places: readonly { readonly name: string; readonly kind: string; readonly found: number; readonly left: number }[]
}

const fails = defineHandler({
  type: 'fails',
  handle: () => {
    throw new Error('it always does')
  },
})

/** A tenant with something in every place: its id. At the end it is paused, and two messages wait in its queue. */
async function fill(api: Api): Promise<string> {
  const { id } = await api.createTenant({ config: { webhook: { secret: 'canary-config' } } })
  const path = `/v1/tenants/${id}`
  await api.expect(201, 'POST', `${path}/users`, { json: { username: 'ada', password: 'a-password-for-tests', role: 'owner' } })
  const credentials = { username: 'ada', password: 'a-password-for-tests', tenant_id: id }
  await api.expect(200, 'POST', '/v1/auth/login', { json: credentials })
  await api.expect(201, 'POST', `${path}/invitations`, { json: { role: 'viewer' } })
  await api.expect(201, 'POST', `${path}/api-keys`, { json: { name: 'ci', scopes: ['publish'] } })
  await api.expect(204, 'PUT', `${path}/secrets/mail`, { json: { value: 'canary-secret' } })
  await api.publish(id, { data: { canary: 'canary-data' } })
  await api.publish(id, { type: 'fails', data: { canary: 'canary-data' } })
  await api.stored(id, 2)
  await api.publish(id, { scheduled_at: new Date(Date.now() + 3_600_000).toISOString() })
  await api.expect(200, 'POST', `${path}/pause`)
  const json = { type: 'plain', data: 1 }
  await api.expect(202, 'POST', `${path}/messages`, { json, headers: { 'idempotency-key': 'once' } })
  await api.publish(id)
  return id
}

/** How many rows of each table say anything of the tenant, but for tables where none does. */
async function rowsOf(installation: Installation, tenantId: string): Promise<Record<string, number>> {
  const tables = await installation.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'tenantry_queue') and tablename <> 'ids_for_cleanup'`,
  )
  const counts: Record<string, number> = {}
  for (const { name } of tables) {
    const [row] = await installation.query<{ count: number }>(`select count(*)::int as count from ${name} t where t::text like $1`, [
      `%${tenantId}%`,
    ])
    if (row && row.count > 0) counts[name] = row.count
  }
  return counts
}

for (const broker of brokerKinds) {
  describe(`the erasure of a tenant on ${broker}`, () => {
    let engine: TestEngine
    before(async () => {
      engine = await startEngine({ broker, handlers: [fails], config: { retry: { attempts: 1 } } })
    })
    after(() => engine[Symbol.asyncDispose]())

    it('removes it from every place, leaves every other tenant alone, and says what there was', async () => {
      const { api, installation } = engine
      const [id, other] = [await fill(api), await fill(api)]
      const untouched = await rowsOf(installation, other)
      await eventually(async () => expect((await engine.queue(id))?.messages).to.equal(2))

      const answer = await api.expect<{ discarded: number; certificate: Certificate }>(200, 'DELETE', `/v1/tenants/${id}?mode=discard`)
      const { certificate } = answer
      expect(certificate.tenant_id).to.equal(id)
      expect(Date.parse(certificate.completed_at)).to.be.at.least(Date.parse(certificate.started_at))
      expect(certificate.places.filter(({ left }) => left !== 0)).to.deep.equal([])
      const found = Object.fromEntries(certificate.places.map((place) => [place.name, place.found]))
      expect(found).to.include({
        [tenantQueueName(id as TenantId)]: 2,
        [tenantDeadLetterQueueName(id as TenantId)]: 0,
        ...{ users: 1, sessions: 1, refresh_tokens: 1, invitations: 1, api_keys: 1, tenant_secrets: 1 },
        ...{ failed_messages: 1, scheduled_messages: 1, idempotency_keys: 1 },
      })
      expect(certificate.places.find(({ kind }) => kind === 'partition')?.found).to.equal(2)

      expect(await engine.queue(id)).to.equal(undefined)
      expect(await engine.deadLetterQueue(id)).to.equal(undefined)
      // That there was such a tenant, who has deleted it, and what was in it.
      expect(Object.keys(await rowsOf(installation, id)).sort()).to.deep.equal(['public.audit_log', 'public.tenant_tombstones'])
      const entries = await installation.query<{ action: string; tenant_id: string | null }>(
        'select action, tenant_id from audit_log where resource like $1 or tenant_id = $2',
        [`%${id}%`, id],
      )
      expect(entries).to.deep.equal([{ action: 'tenant.delete', tenant_id: null }])
      expect(await rowsOf(installation, other)).to.deep.equal(untouched)
      expect((await api.tenant(other)).state).to.equal('paused')
      expect((await engine.queue(other))?.messages).to.equal(2)

      const kept = await api.expect<{ certificate: Certificate }>(200, 'GET', `/v1/erasures/${id}`)
      expect(kept.certificate).to.deep.equal(certificate)
      const list = await api.expect<{ data: readonly { tenant_id: string }[] }>(200, 'GET', '/v1/erasures')
      expect(list.data.map(({ tenant_id }) => tenant_id))
        .to.include(id)
        .and.to.not.include(other)
      expect((await api.call('GET', `/v1/erasures/${other}`)).status).to.equal(404)
    })

    it('can be preceded by an export of all that may be read', async () => {
      const { api } = engine
      const id = await fill(api)
      const exportOf = async (): Promise<{ text: string; lines: readonly { kind: string; [field: string]: unknown }[] }> => {
        const answer = await fetch(`${api.url}/v1/tenants/${id}/export`, { headers: { authorization: `Bearer ${api.token}` } })
        expect(answer.status).to.equal(200)
        expect(answer.headers.get('content-type')).to.match(/^application\/x-ndjson/)
        const text = await answer.text()
        const lines = text.trimEnd().split('\n')
        return { text, lines: lines.map((line) => JSON.parse(line)) }
      }
      const { text, lines } = await exportOf()
      expect(lines[0]).to.include({ kind: 'export', tenant_id: id })
      const end = lines.at(-1) as unknown as { kind: string; counts: Record<string, number> }
      expect(end.kind).to.equal('end')
      expect(end.counts).to.include({
        ...{ tenant: 1, user: 1, invitation: 1, api_key: 1, secret: 1 },
        ...{ message: 2, failed_message: 1, scheduled_message: 1 },
      })
      expect(end.counts.audit_entry).to.be.at.least(5)
      expect(text).to.include('canary-data').and.to.not.include('canary-secret').and.to.not.include('canary-config')

      await api.expect(200, 'PUT', `/v1/tenants/${id}/config`, { json: { payload_visibility: 'tenant' } })
      const hidden = await exportOf()
      expect(hidden.text).to.not.include('canary-data')
      expect(hidden.lines.find(({ kind }) => kind === 'message')).to.deep.include({ data: null, data_hidden: true })
    })
  })
}
