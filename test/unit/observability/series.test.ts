/** How many series there are, and which tenants they name, whatever the number of tenants. */
import { expect } from 'chai'
import { createSyntheticNode, readSeries, toTenant } from './synthetic-node.ts'

/** Everything that is ever counted has been counted once. */
function exercise({ metrics }: Pick<ReturnType<typeof createSyntheticNode>, 'metrics'>): void {
  for (const status of [200, 404, 429, 503]) metrics.answered({ action: 'tenant.read', kind: 'read', status, seconds: 0.01 })
  metrics.handlerRan(0.01)
  metrics.settled('processed')
}

async function renderNode(tenants: number, topTenants = 10) {
  const node = createSyntheticNode(tenants, { topTenants })
  exercise(node)
  await node.depths.look()
  const { text } = await node.metrics.render({ tenants: true })
  node.sampler.stop()
  return readSeries(text)
}

describe('the metrics of a node', () => {
  it('have as many series with 10,000 tenants as with 100', async () => {
    const [few, many] = await Promise.all([renderNode(100), renderNode(10_000)])
    expect(many.size).to.equal(few.size)
    expect(many.size).to.be.within(100, 250)
    expect(many.get('tenantry_tenants{state="running"}')).to.equal(6_667)
  })

  it('show the busiest tenants and all others together: never more than one above the number asked for', async () => {
    const series = await renderNode(1_000, 3)
    const shown = [...series].filter(([name]) => name.startsWith('tenantry_tenant_settled_messages_per_second'))
    expect(shown).to.deep.equal([
      [`tenantry_tenant_settled_messages_per_second{tenant="${toTenant(1_000)}"}`, 1_000],
      [`tenantry_tenant_settled_messages_per_second{tenant="${toTenant(995)}"}`, 995],
      [`tenantry_tenant_settled_messages_per_second{tenant="${toTenant(990)}"}`, 990],
      ['tenantry_tenant_settled_messages_per_second{tenant="other"}', 500_500 - 2_985],
    ])
    expect(series.get('tenantry_tenant_in_flight_messages{tenant="other"}')).to.equal(197 * 300)
  })

  it('name no tenant with top_tenants 0, nor to a reader who may not see them', async () => {
    const node = createSyntheticNode(100)
    for (const text of [(await node.metrics.render()).text, (await node.metrics.render({ openMetrics: true })).text]) {
      expect(text).not.to.match(/tenant="|018f3c1e/)
    }
    node.sampler.stop()
    expect([...(await renderNode(100, 0)).keys()].join('\n')).not.to.include('tenant="')
  })
})
