/** The keys that sign and verify tokens, kept in memory so that a request does not wait for the database. */
import type { AuthStore, SigningKey } from '../core/ports/auth-store.ts'

/** Errors: those of `AuthStore.signingKeys`. */
export interface SigningKeys {
  /** The key that signs now. */
  current(): Promise<SigningKey>
  /** The key a token names, or undefined. */
  find(kid: string): Promise<SigningKey | undefined>
}

const keepMs = 60_000
/** Tokens that name keys nobody knows cause a reload at most this often. */
const reloadIntervalMs = 5_000

/** Keeps the keys for a minute; a key id it does not know yet (another node has rotated) makes it look again. */
export function createSigningKeys(store: Pick<AuthStore, 'signingKeys'>, now: () => number = Date.now): SigningKeys {
  let keys: readonly SigningKey[] = []
  let loadedAtMs = Number.NEGATIVE_INFINITY

  let loading: Promise<void> | undefined

  const load = async (): Promise<void> => {
    try {
      keys = await store.signingKeys()
      loadedAtMs = now()
    } catch (error) {
      if (keys.length === 0) throw error
      // The keys that are known stay good while the database is away; it is asked again before long.
      loadedAtMs = now() - keepMs + reloadIntervalMs
    }
  }
  const loadWhenOlderThan = async (ageMs: number): Promise<readonly SigningKey[]> => {
    if (now() - loadedAtMs < ageMs) return keys
    loading ??= load().finally(() => {
      loading = undefined
    })
    await loading
    return keys
  }
  const named = (kid: string) => keys.find((key) => key.kid === kid)

  return {
    async current() {
      const [newest] = await loadWhenOlderThan(keepMs)
      if (!newest) throw new Error('the store holds no signing key')
      return newest
    },
    async find(kid) {
      await loadWhenOlderThan(keepMs)
      if (!named(kid)) await loadWhenOlderThan(reloadIntervalMs)
      return named(kid)
    },
  }
}
