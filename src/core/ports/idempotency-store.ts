/** The idempotency store port: which publish an Idempotency-Key stood for. */
import type { MessageId, TenantId } from '../ids.ts'

export interface KeyedPublish {
  readonly tenantId: TenantId
  readonly key: string
  /** A digest of the route and the body: the same key with another is a conflict. */
  readonly digest: string
  /** The ids that the messages get, unless another request with this key came first. */
  readonly ids: readonly MessageId[]
}

/**
 * | begun as    | means                                                                            |
 * | first       | publish, with the ids that were passed                                            |
 * | repeat      | an earlier request did not finish: publish again, with its ids, which may be known |
 * | published   | answer with these ids; nothing is to be published                                 |
 * | in_progress | another request holds the key and has not finished                                |
 * | mismatch    | the key was used with another body                                                |
 */
export type KeyBeginning =
  | { readonly kind: 'first' | 'repeat' | 'published'; readonly ids: readonly MessageId[] }
  | { readonly kind: 'in_progress' }
  | { readonly kind: 'mismatch' }

/** Errors: AppError `database.unavailable`. */
export interface IdempotencyStore {
  /** Takes the key for `leaseMs`; it is kept for `keepMs`. */
  begin(publish: KeyedPublish, leaseMs: number, keepMs: number): Promise<KeyBeginning>
  /** The messages are durable. */
  finish(tenantId: TenantId, key: string): Promise<void>
  /** This request has failed: the next one with the key publishes again, with the same ids. */
  release(tenantId: TenantId, key: string): Promise<void>
}
