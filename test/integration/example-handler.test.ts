/** The example of the README, loaded as a user's file is. */
import { join } from 'node:path'
import { expect } from 'chai'
import { startEngine } from '../support/engine.ts'

const file = join(import.meta.dirname, '../../examples/handlers/order-placed.ts')
const penFor = (cents: number, quantity: number) => ({ customer: 'Ada', lines: [{ sku: 'pen', quantity, unit_price_cents: cents }] })

describe('the example handler', () => {
  it('adds an order up, and lets one fail that it cannot use', async () => {
    await using engine = await startEngine({ broker: 'postgres', config: { handlers: [file] } })
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
})
