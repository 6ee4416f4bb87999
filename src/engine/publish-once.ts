/** Publishes what an Idempotency-Key stands for once, however often, on however many nodes and however late it is asked for. */
import { AppError } from '../core/errors.ts'
import type { MessageId, TenantId } from '../core/ids.ts'
import type { IdempotencyKey, Published } from '../core/ports/engine-api.ts'
import type { IdempotencyStore, KeyBeginning } from '../core/ports/idempotency-store.ts'
import { eventually } from './convergence.ts'

/** A request that has not finished by then has died with its node; the next one with its key repeats it. */
const leaseMs = 15_000
/** How long a request waits for another one with its key. */
const waitMs = 10_000

/** `publish` gets the ids that the messages must have: its own, or those of an earlier request that did not finish. */
type PublishOnce = (
  tenantId: TenantId,
  key: IdempotencyKey & { readonly keepMs: number },
  ids: readonly MessageId[],
  publish: (ids: readonly MessageId[]) => Promise<void>,
) => Promise<Published>

/**
 * Errors: `idempotency.mismatch`, `idempotency.in_progress` (another request with the key takes too long), and what
 * `publish` rejects with. After an error the key keeps its ids, so that repeating makes no second message.
 */
export function createPublishOnce(store: IdempotencyStore): PublishOnce {
  return async (tenantId, { key, digest, keepMs }, ids, publish) => {
    const begin = () => store.begin({ tenantId, key, digest, ids }, leaseMs, keepMs)
    const begun = await whenFree(begin)
    if (begun.kind === 'published') return { ids: begun.ids, replayed: true }
    try {
      await publish(begun.ids)
    } catch (error) {
      // Whatever is known about the outcome, the next request has the same ids. A key that cannot be freed now is free when its lease ends.
      await store.release(tenantId, key).catch(() => undefined)
      throw error
    }
    await store.finish(tenantId, key)
    return { ids: begun.ids, replayed: false }
  }
}

async function whenFree(begin: () => Promise<KeyBeginning>): Promise<Extract<KeyBeginning, { ids: readonly MessageId[] }>> {
  let begun = await begin()
  if (begun.kind === 'in_progress') {
    await eventually(async () => {
      begun = await begin()
      return begun.kind !== 'in_progress'
    }, waitMs)
  }
  if (begun.kind === 'mismatch') {
    throw new AppError('idempotency.mismatch', 'this Idempotency-Key was used with another body', { scope: 'message' })
  }
  if (begun.kind === 'in_progress') {
    throw new AppError('idempotency.in_progress', 'another request with this Idempotency-Key has not finished', {
      retryable: true,
      scope: 'message',
    })
  }
  return begun
}
