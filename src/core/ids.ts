/** Branded ids: a tenant's id cannot be passed where a message's id is wanted. */

export type TenantId = string & { readonly __brand: 'TenantId' }
export type MessageId = string & { readonly __brand: 'MessageId' }

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** The lower-cased tenant id, or undefined when the text is not an RFC 9562 UUID. */
export function readTenantId(text: string): TenantId | undefined {
  const lower = text.toLowerCase()
  return uuidPattern.test(lower) ? (lower as TenantId) : undefined
}

/** The lower-cased message id, or undefined when the text is not an RFC 9562 UUID. */
export function readMessageId(text: string): MessageId | undefined {
  const lower = text.toLowerCase()
  return uuidPattern.test(lower) ? (lower as MessageId) : undefined
}

/** The name of the queue that holds a tenant's messages. */
export const tenantQueueName = (tenantId: TenantId): string => `tenant_${tenantId}_queue`

/** The name of the queue that holds the messages of a tenant that nobody will try again. */
export const tenantDeadLetterQueueName = (tenantId: TenantId): string => `tenant_${tenantId}_dlq`

/** When a UUIDv7 was made, in epoch milliseconds; undefined for any other id. */
export const readIdTimeMs = (id: MessageId): number | undefined =>
  id[14] === '7' ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined

/**
 * True for an id that this engine made when it accepted the message: a UUIDv7 of that very millisecond. Any other id was
 * chosen by a client, or is published again, so it may have been seen before.
 */
export const isFreshId = (id: MessageId, createdAtMs: number): boolean => readIdTimeMs(id) === createdAtMs
