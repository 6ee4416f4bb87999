/** Seals secrets anew after the installation's secret has been changed, so that the old one can be dropped. */
import { AppError } from '../core/errors.ts'
import type { SecretStore } from '../core/ports/secret-store.ts'
import type { Sealer } from './sealer.ts'

export interface ResealReport {
  readonly resealed: number
  /** Secrets that no key of this node opens, by the key that sealed them. They stay as they are. */
  readonly unopened: readonly { readonly keyId: string; readonly count: number }[]
}

const batch = 100

/**
 * Seals with the current key whatever another key has sealed, a batch at a time. Each secret is tried once: what cannot be opened
 * is left, and so is what another node, which still has the keys the other way round, seals back meanwhile.
 *
 * Errors: AppError `database.unavailable`; what was done until then stays.
 */
export async function resealAll(store: SecretStore, sealer: Sealer): Promise<ResealReport> {
  const tried = new Set<string>()
  const unopened = new Map<string, number>()
  let resealed = 0
  for (let inTheWay = 0; ; ) {
    const found = await store.sealedOtherwise(sealer.keyId, batch + inTheWay)
    const fresh = found.filter(({ tenantId, name }) => !tried.has(`${tenantId}/${name}`))
    if (fresh.length === 0) return { resealed, unopened: [...unopened].map(([keyId, count]) => ({ keyId, count })) }
    // What was in the way comes back with the next batch, and so does what cannot be opened.
    inTheWay = found.length - fresh.length
    for (const secret of fresh) {
      tried.add(`${secret.tenantId}/${secret.name}`)
      if (await reseal(store, sealer, secret)) {
        resealed += 1
      } else {
        inTheWay += 1
        unopened.set(secret.keyId, (unopened.get(secret.keyId) ?? 0) + 1)
      }
    }
  }
}

type FoundSecret = Awaited<ReturnType<SecretStore['sealedOtherwise']>>[number]

async function reseal(store: SecretStore, sealer: Sealer, { tenantId, name, keyId, sealed }: FoundSecret): Promise<boolean> {
  const before = { keyId, sealed }
  let value: string
  try {
    value = sealer.open(tenantId, name, before)
  } catch (error) {
    if (error instanceof AppError) return false
    throw error
  }
  await store.replace(tenantId, name, before, sealer.seal(tenantId, name, value))
  return true
}
