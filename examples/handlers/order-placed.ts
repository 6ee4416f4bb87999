/** Adds up an order and passes the total on as a message of its own. */
import { createHash } from 'node:crypto'
import { ack, defineHandler, reject } from 'tenantry'
import { z } from 'zod'

const line = z.object({
  sku: z.string().min(1),
  quantity: z.int().positive(),
  unit_price_cents: z.int().nonnegative(),
})

export const orderPlaced = defineHandler({
  type: 'order.placed',
  // Data that does not fit never reaches handle(): the message fails, and says which field.
  schema: z.object({ customer: z.string().min(1), lines: z.array(line).min(1) }),
  timeoutMs: 5_000,
  async handle(message, { publish, logger }) {
    const { customer, lines } = message.data
    const totalCents = lines.reduce((sum, { quantity, unit_price_cents }) => sum + quantity * unit_price_cents, 0)
    if (totalCents === 0) return reject('an order must cost something')

    const data = { order_id: message.id, customer, total_cents: totalCents }
    await publish({ type: 'order.totalled', data, id: deriveId(message.id, 'order.totalled') })
    logger.info('an order was added up', { total_cents: totalCents })
    return ack
  },
})

/** The same id whenever this order is handled: if it has to run again, it publishes the same message, not a second one. */
function deriveId(messageId: string, purpose: string): string {
  const hex = createHash('sha256').update(`${messageId}:${purpose}`).digest('hex')
  // The shape of a UUID of version 8, whose content is up to its maker.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
