import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { ActorDetail } from '../../../src/core/ports/inspection.ts'
import { actorDetail, actorList } from '../../../src/http/schemas/inspection.ts'
import { machineDefinition, machineList } from '../../../src/http/schemas/machine.ts'
import { createActor, createTenantActors } from '../../support/memory-inspection.ts'
import { nobody } from './fill-path.ts'
import { type Api, type CallOptions, startApi } from './start-api.ts'

const yellow = 'cannot handle {"iban":"yellow"}'

/** Two tenants on two nodes, below what every platform has. */
async function setup(config: object = {}) {
  const api = await startApi()
  const [own, other] = [await api.createTenant('own', config), await api.createTenant('other')]
  api.inspection.actors.push(
    createActor('tenantManager', { kind: 'tenantManager', state: 'running' }),
    createActor('supervisor:7', { kind: 'supervisor', state: 'running', parent: 'tenantManager' }),
    ...createTenantActors(own, 'n1', yellow),
    ...createTenantActors(own, 'n2'),
    ...createTenantActors(other),
  )
  const as = async (role: 'viewer' | 'operator' | 'owner'): Promise<CallOptions> => ({ token: await api.tokenOf(own, role) })
  return { api, own, other, as, [Symbol.asyncDispose]: () => api.server.close(0) }
}

const get = (api: Api, path: string, options: CallOptions = {}) =>
  api.call('GET', `/v1${path}`, { ...options, headers: { 'x-request-id': 'same', ...options.headers } })

describe('the list of actors', () => {
  it('shows an admin the tree page by page, parents before their children, and who has not answered', async () => {
    await using all = await setup()
    const { api } = all
    api.inspection.missingNodes = ['n3']
    const ids: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page = actorList.parse((await get(api, `/actors?limit=4${cursor && `&cursor=${cursor}`}`)).body)
      expect(page.missing_nodes).to.deep.equal(['n3'])
      ids.push(...page.data.map(({ id, node }) => `${node} ${id}`))
      cursor = page.next_cursor
    }
    expect(ids).to.deep.equal(api.inspection.actors.map(({ id, node }) => `${node} ${id}`))
  })

  it('is narrowed by tenant, kind, state, parent and node', async () => {
    await using all = await setup()
    const { api, own } = all
    const count = async (query: string) => (await get(api, `/actors?${query}`)).body.data.length
    expect(await count(`tenant_id=${own}`)).to.equal(6)
    expect(await count('kind=worker')).to.equal(3)
    expect(await count('kind=worker&state=idle&node=n2')).to.equal(1)
    expect(await count(`parent=tenant:${own}&node=n1`)).to.equal(2)
    expect(await count('limit=1000')).to.equal(11)
  })

  it('shows a tenant its own subtree, which begins at its actor', async () => {
    await using all = await setup()
    const { api, own, as } = all
    const { data } = actorList.parse((await get(api, `/tenants/${own}/actors`, await as('viewer'))).body)
    expect(new Set(data.map(({ tenant_id }) => tenant_id))).to.deep.equal(new Set([own]))
    expect(data[0]).to.include({ id: `tenant:${own}`, kind: 'tenant', state: 'running', parent: null, node: 'n1' })
    expect(data[1]?.parent).to.equal(`tenant:${own}`)
    const seenByAdmin = actorList.parse((await get(api, `/tenants/${own}/actors`)).body)
    expect(seenByAdmin.data[0]?.parent).to.equal('supervisor:7')
  })

  it('is refused to whom it is not for, and for what it does not know', async () => {
    await using all = await setup()
    const { api, own, as } = all
    const told = async (path: string, options?: CallOptions) => {
      const { status, body } = await get(api, path, options)
      return [status, body.code, body.errors?.[0]?.path]
    }
    expect(await told('/actors', await as('owner'))).to.deep.equal([403, 'auth.forbidden', undefined])
    expect(await told(`/actors?tenant_id=${nobody}`)).to.deep.equal([404, 'tenant.missing', undefined])
    expect(await told(`/tenants/${nobody}/actors`)).to.deep.equal([404, 'tenant.missing', undefined])
    for (const [query, path] of [
      ['kind=nothing', 'kind'],
      ['limit=1001', 'limit'],
      ['tenant_id=1', 'tenant_id'],
      ['color=red', 'color'],
      ['cursor=x', 'cursor'],
    ]) {
      expect(await told(`/actors?${query}`), query).to.deep.equal([400, 'request.invalid', path])
    }
    const { next_cursor } = (await get(api, '/actors?limit=1')).body
    expect(await told(`/tenants/${own}/actors?cursor=${next_cursor}`)).to.deep.equal([400, 'request.invalid', 'cursor'])
  })
})

describe('one actor', () => {
  it('is shown with what it holds, what it has been through, its children, its machine, and as it is elsewhere', async () => {
    await using all = await setup()
    const { api, own } = all
    const id = `tenant:${own}`
    const actor = actorDetail.parse((await get(api, `/actors/${id}`)).body)
    expect(actor).to.deep.include({
      ...{ id, kind: 'tenant', state: 'running', parent: 'supervisor:7', node: 'n1', tenant_id: own },
      value: { attached: { serving: { activity: 'running', sizing: 'steady' } } },
      allowed_events: ['tenant.desire', 'tenant.end'],
      transitions: [{ at: '2023-11-14T22:13:20.000Z', event: 'consumer.opened', from: 'attaching', to: 'running' }],
      missing_nodes: [],
    })
    expect(actor.children.map((child) => child.id)).to.deep.equal([`${id}.consumer`, `${id}.worker:1`])
    expect(actor.definition?.states.map(({ path }) => path)).to.deep.equal(['provisioning', 'attached'])
    expect(actor.elsewhere.map(({ node }) => node)).to.deep.equal(['n2'])
    expect((await get(api, `/actors/${id}?node=n2`)).body).to.deep.include({ node: 'n2', elsewhere: [] })
    expect((await get(api, `/actors/${id}?node=n9`)).body.code).to.equal('actor.missing')
  })

  it('is found by its id however it is encoded, and by a tenant’s id in any case', async () => {
    await using all = await setup()
    const { api, own, as } = all
    const options = await as('viewer')
    for (const id of [`tenant:${own}.worker:1`, `tenant%3A${own}%2Eworker%3A1`, `tenant:${own.toUpperCase()}.worker:1`]) {
      expect((await get(api, `/actors/${id}`, options)).body.id, id).to.equal(`tenant:${own}.worker:1`)
    }
    // An actor without states has no context.
    expect((await get(api, `/actors/tenant:${own}.consumer`, options)).body).to.include({ value: null, context: null, definition: null })
  })

  it('that is not the caller’s answers exactly like one that does not exist, and nobody is asked about it', async () => {
    await using all = await setup()
    const { api, own, other } = all
    const owner = { token: await api.tokenOf(own, 'owner') }
    const key = { token: null, headers: { 'x-api-key': await api.keyOf(own, 'operate') } }
    const foreign = ['tenantManager', 'supervisor:7', `tenant:${other}`, `tenant:${other}.worker:1`, `tenant:${nobody}`]
    const malformed = [
      'x',
      'tenant:',
      `tenant:${own}x`,
      `x.tenant:${own}`,
      'tenant:1',
      '%00',
      '%F0%9F%92%A5',
      'a'.repeat(400),
      `tenant:${own}%20`,
    ]
    for (const options of [owner, key]) {
      for (const end of ['', '/explain', '/recording']) {
        const missing = await get(api, `/actors/tenant:${own}.worker:99${end}`, options)
        expect([missing.status, missing.body.code]).to.deep.equal([404, 'actor.missing'])
        api.inspection.asked.length = 0
        for (const id of [...foreign, ...malformed]) {
          expect((await get(api, `/actors/${id}${end}`, options)).text, `${id}${end}`).to.equal(missing.text)
        }
        expect(api.inspection.asked).to.deep.equal([])
      }
    }
    expect((await get(api, '/actors/supervisor:7')).status).to.equal(200)
    expect((await get(api, '/actors/%00')).body.code).to.equal('actor.missing')
  })

  it('that nobody who answers has may be on a node that is silent: the caller is told to come again', async () => {
    await using all = await setup()
    const { api, own, other, as } = all
    api.inspection.missingNodes = ['n3']
    const operator = await as('operator')
    for (const end of ['', '/explain', '/recording']) {
      for (const options of [{}, operator]) {
        const { status, body, headers } = await get(api, `/actors/tenant:${own}.worker:99${end}`, options)
        expect([status, body.code, headers.get('retry-after')], end).to.deep.equal([503, 'node.silent', '2'])
      }
      // Of what is not theirs they learn nothing by that.
      api.inspection.asked.length = 0
      for (const id of ['ledger', `tenant:${other}.worker:99`]) {
        expect((await get(api, `/actors/${id}${end}`, operator)).body.code, end).to.equal('actor.missing')
      }
      expect(api.inspection.asked).to.deep.equal([])
    }
    expect((await get(api, `/actors/tenant:${own}/explain`)).status).to.equal(200)
  })

  it('that a peer reports under another tenant’s id is not shown', async () => {
    await using all = await setup()
    const { api, own, other, as } = all
    const index = api.inspection.actors.findIndex(({ id }) => id === `tenant:${own}`)
    api.inspection.actors[index] = { ...(api.inspection.actors[index] as ActorDetail), tenantId: other }
    expect((await get(api, `/actors/tenant:${own}`, await as('owner'))).body.code).to.equal('actor.missing')
  })
})

describe('what an actor holds', () => {
  const held = async (options: CallOptions, all: { readonly api: Api; readonly own: TenantId }) => {
    const { body, text } = await get(all.api, `/actors/tenant:${all.own}`, options)
    return { context: body.context, showsError: text.includes('yellow'), showsConfig: text.includes('hello') }
  }

  it('includes the configuration for those who may read it', async () => {
    await using all = await setup()
    const { api, own, as } = all
    expect((await held(await as('operator'), all)).context.desired.config).to.deep.equal({ greeting: 'hello' })
    const key = { token: null, headers: { 'x-api-key': await api.keyOf(own, 'read', 'operate') } }
    for (const options of [await as('viewer'), key]) {
      const { context, showsConfig } = await held(options, all)
      expect(context.desired).to.deep.equal({ id: own, status: 'active' })
      expect(showsConfig).to.equal(false)
    }
  })

  it('includes the texts of errors for those whom the tenant shows message data to', async () => {
    await using all = await setup({ payload_visibility: 'owner' })
    expect((await held(await all.as('owner'), all)).showsError).to.equal(true)
    for (const options of [await all.as('operator'), {}]) {
      const { context, showsError } = await held(options, all)
      expect(showsError).to.equal(false)
      expect(context.reason).to.equal('[hidden]')
    }
  })
})

describe('the machines', () => {
  it('are listed and shown to everybody with credentials', async () => {
    await using all = await setup()
    const { api, as } = all
    const options = await as('viewer')
    expect(machineList.parse((await get(api, '/machines', options)).body).data).to.deep.equal([
      { name: 'tenant', description: 'One tenant’s life.' },
    ])
    expect((await get(api, '/machines?limit=1', options)).body.next_cursor).to.equal(null)
    const machine = machineDefinition.parse((await get(api, '/machines/tenant', options)).body)
    expect(machine.transitions).to.deep.equal([{ on: 'tenant.end', actions: ['endSoon'] }])
    expect(machine.states[0]).to.deep.include({ path: 'provisioning', invoke: ['provision'] })
    const { status, body } = await get(api, '/machines/toaster', options)
    expect([status, body.code]).to.deep.equal([404, 'machine.missing'])
  })
})
