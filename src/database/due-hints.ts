/** Tells every node when a message is due. */
import type { DueHints } from '../core/ports/due-hints.ts'
import type { Listener } from './listener.ts'

const channel = 'due'
const collectMs = 100

/**
 * A note goes out at most every 100 ms, and none while an earlier one holds: whoever wakes for that one sees what follows.
 *
 * Shape: a note is `<nodeId>:<epoch milliseconds>`; a node hears its own at once, without the database.
 */
export function createDueHints(listener: Listener, nodeId: string): DueHints {
  const listeners = new Set<(atMs: number) => void>()
  let earliestMs = Number.POSITIVE_INFINITY
  let toldMs = Number.NEGATIVE_INFINITY
  let collecting = false

  const send = (): void => {
    collecting = false
    const atMs = earliestMs
    earliestMs = Number.POSITIVE_INFINITY
    const isKnown = toldMs > Date.now() && toldMs <= atMs
    if (isKnown) return
    toldMs = atMs
    listener.notify(channel, `${nodeId}:${Math.round(atMs)}`)
  }

  return {
    announce(atMs) {
      for (const onDue of listeners) onDue(atMs)
      earliestMs = Math.min(earliestMs, atMs)
      if (collecting) return
      collecting = true
      setTimeout(send, collectMs).unref()
    },
    subscribe(onDue) {
      listeners.add(onDue)
      const stopListening = listener.listen(channel, (payload) => {
        const colon = payload.lastIndexOf(':')
        const atMs = Number(payload.slice(colon + 1))
        if (colon >= 0 && payload.slice(0, colon) !== nodeId && Number.isFinite(atMs)) onDue(atMs)
      })
      return () => {
        listeners.delete(onDue)
        stopListening()
      }
    },
  }
}
