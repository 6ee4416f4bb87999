/** The identity hints of a single node. */
import type { IdentityChange, IdentityHints } from '../../../src/core/ports/identity-store.ts'

export function createMemoryHints(): IdentityHints {
  const listeners = new Set<(change: IdentityChange) => void>()
  return {
    announce(change) {
      for (const listener of listeners) listener(change)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
