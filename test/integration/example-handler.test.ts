/** The examples, loaded as a user's files are. */
import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'chai'
import { startEngine } from '../support/engine.ts'

const fileOf = (name: string) => join(import.meta.dirname, '../../examples/handlers', name)
const penFor = (cents: number, quantity: number) => ({ customer: 'Ada', lines: [{ sku: 'pen', quantity, unit_price_cents: cents }] })

describe('the example handlers', () => {
  it('add an order up, and let one fail that it cannot use', async () => {
    await using engine = await startEngine({ broker: 'postgres', config: { handlers: [fileOf('order-placed.ts')] } })
    const { id } = await engine.api.createTenant()
    const order = await engine.api.publish(id, { type: 'order.placed', data: penFor(250, 3) })
    const malformed = await engine.api.publish(id, { type: 'order.placed', data: penFor(250, 0) })
    const free = await engine.api.publish(id, { type: 'order.placed', data: penFor(0, 1) })

    const stored = await engine.api.stored(id, 4)
    const total = stored.find(({ type }) => type === 'order.totalled')
    const errorOf = (messageId: string) => stored.find((message) => message.id === messageId)?.error
    expect(total?.data).to.deep.equal({ order_id: order, customer: 'Ada', total_cents: 750 })
    expect(errorOf(malformed)).to.match(/^data\.lines\.0\.quantity: /)
    expect(errorOf(free)).to.equal('an order must cost something')
  })
  it('sign a download link with the tenant’s own key', async () => {
    await using engine = await startEngine({ broker: 'postgres', config: { handlers: [fileOf('download-requested.ts')] } })
    const { id } = await engine.api.createTenant()
    await engine.api.expect(204, 'PUT', `/v1/tenants/${id}/secrets/download-key`, { json: { value: 'the key of acme' } })
    await engine.api.publish(id, { type: 'download.requested', data: { file: 'a b.pdf', email: 'ada@example.com' } })
    const stored = await engine.api.stored(id, 2)
    const url = new URL(stored.flatMap(({ type, data }) => (type === 'email' ? [(data as { text: string }).text] : [])).join())
    const expires = url.searchParams.get('expires')
    expect(url.pathname).to.equal('/a%20b.pdf')
    expect(url.searchParams.get('signature')).to.equal(
      createHmac('sha256', 'the key of acme').update(`a b.pdf\n${expires}`).digest('base64url'),
    )
  })
})
