/** The `Idempotency-Key` of a publish, with a digest of what it stands for. */
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { IdempotencyKey } from '../../core/ports/engine-api.ts'
import { invalid } from './refusal.ts'

const printable = /^[\x20-\x7e]{1,255}$/

/**
 * The key that the client has sent; undefined when it has sent none.
 *
 * Shape:  `body` has passed its schema, so that what the client left out and what it spelled out are the same. The order of keys does not count.
 * Errors: Refusal naming `Idempotency-Key`.
 */
export function parseIdempotencyKey(headers: IncomingHttpHeaders, kind: 'single' | 'batch', body: unknown): IdempotencyKey | undefined {
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key !== 'string' || !printable.test(key)) {
    throw invalid({ path: 'Idempotency-Key', message: 'must consist of 1 to 255 printable ASCII characters' })
  }
  const text = JSON.stringify(body, (_name, value: unknown) => withSortedKeys(value))
  return { key, digest: createHash('sha256').update(`${kind}\n${text}`).digest('hex') }
}

function withSortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)))
}
