/** Tells every node to forget what it remembers of a session, an API key, a user or a tenant. */
import type { IdentityChange, IdentityHints } from '../core/ports/identity-store.ts'
import type { Listener } from './listener.ts'

const channel = 'identity'
const kinds: readonly IdentityChange['of'][] = ['session', 'api_key', 'user', 'tenant']

/**
 * Shape: a note is `<nodeId>:<of>:<id>`; a node hears its own at once, without the database. `nodeId` is shorter than 7,000 bytes.
 */
export function createIdentityHints(listener: Listener, nodeId: string): IdentityHints {
  const listeners = new Set<(change: IdentityChange) => void>()
  return {
    announce(change) {
      for (const onChange of listeners) onChange(change)
      listener.notify(channel, `${nodeId}:${change.of}:${change.id}`)
    },
    subscribe(onChange) {
      listeners.add(onChange)
      const stopListening = listener.listen(channel, (payload) => {
        const hint = readHint(payload)
        if (hint !== undefined && hint.nodeId !== nodeId) onChange(hint.change)
      })
      return () => {
        listeners.delete(onChange)
        stopListening()
      }
    },
  }
}

// The node's id may have colons in it, the ids of what has changed have none.
function readHint(payload: string): { readonly nodeId: string; readonly change: IdentityChange } | undefined {
  const match = /^(.*):([a-z_]+):([^:]+)$/s.exec(payload)
  const of = kinds.find((kind) => kind === match?.[2])
  if (match?.[1] === undefined || match[3] === undefined || of === undefined) return undefined
  return { nodeId: match[1], change: { of, id: match[3] } }
}
