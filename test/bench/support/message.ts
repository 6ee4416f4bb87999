/** The message of every benchmark: 250 bytes of JSON. */

const bytes = 250
const event = { user: 'u-184467', action: 'order.created', amount: 129.9, currency: 'EUR', items: ['a-17', 'b-23'], note: '' }

export const messageType = 'bench.event'
export const messageData = { ...event, note: 'n'.repeat(bytes - JSON.stringify(event).length) }
export const messageBody = JSON.stringify(messageData)
