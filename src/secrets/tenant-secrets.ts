/** A tenant's secrets: sealed on their way to the store, opened for its handlers. */
import type { TenantId } from '../core/ids.ts'
import type { SecretStore } from '../core/ports/secret-store.ts'
import type { TenantSecrets } from '../core/ports/tenant-secrets.ts'
import { type ResealReport, resealAll } from './reseal.ts'
import type { Sealer } from './sealer.ts'

export interface TenantSecretsOptions {
  readonly store: SecretStore
  readonly sealer: Sealer
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number
}

export interface SealedTenantSecrets extends TenantSecrets {
  /** Seals everything with the current key that an older one has sealed. See `reseal.ts`. */
  resealAll(): Promise<ResealReport>
}

const rememberedMs = 5_000
const maxRemembered = 1_000

/**
 * Of what it opens it remembers the last thousand for five seconds, and forgets at once what is changed through it. That there is
 * no such secret is remembered too; a failure is not.
 */
export function createTenantSecrets({ store, sealer, now = () => performance.now() }: TenantSecretsOptions): SealedTenantSecrets {
  /** In the order of their reading. */
  const remembered = new Map<string, { readonly value: Promise<string | undefined>; readonly untilMs: number }>()

  const forgetOld = (): void => {
    const nowMs = now()
    for (const [key, { untilMs }] of remembered) {
      if (untilMs > nowMs && remembered.size < maxRemembered) return
      remembered.delete(key)
    }
  }
  const read = async (tenantId: TenantId, name: string): Promise<string | undefined> => {
    const sealed = await store.find(tenantId, name)
    return sealed && sealer.open(tenantId, name, sealed)
  }

  return {
    async put(tenantId, name, value) {
      const answer = await store.put(tenantId, name, sealer.seal(tenantId, name, value))
      remembered.delete(toKey(tenantId, name))
      return answer
    },
    list: (tenantId) => store.list(tenantId),
    async remove(tenantId, name) {
      const removed = await store.remove(tenantId, name)
      remembered.delete(toKey(tenantId, name))
      return removed
    },
    open(tenantId, name) {
      forgetOld()
      const key = toKey(tenantId, name)
      const known = remembered.get(key)
      if (known) return known.value
      const value = read(tenantId, name)
      remembered.set(key, { value, untilMs: now() + rememberedMs })
      value.catch(() => {
        if (remembered.get(key)?.value === value) remembered.delete(key)
      })
      return value
    },
    resealAll: () => resealAll(store, sealer),
  }
}

const toKey = (tenantId: TenantId, name: string): string => `${tenantId}/${name}`
