/** Sends letters one after the other, no faster than the database takes them: other notes of this node wait in the same line. */
import { toError } from '../core/errors.ts'
import type { Listener } from './listener.ts'
import { type Letter, toParts } from './peer-letters.ts'
import type { NoteSeal } from './peer-seal.ts'

export interface Outbox {
  /** Sends it soon and in order, unless it had to wait for 5 s, or 200 later ones are waiting, or there is no connection. */
  post(letter: Letter, body: unknown): void
  close(): void
}

export interface OutboxOptions {
  readonly listener: Pick<Listener, 'notify' | 'flush'>
  readonly channel: string
  readonly seal: NoteSeal
  /** Hears of a letter that cannot be sent: its body is too large, or no JSON. Must not throw. */
  readonly onUnsendable: (letter: Letter, error: Error) => void
}

interface Waiting {
  readonly letter: Letter
  readonly body: unknown
  readonly atMs: number
}

const maxWaiting = 200
const maxAgeMs = 5_000
const notesAtOnce = 50

export function createOutbox({ listener, channel, seal, onUnsendable }: OutboxOptions): Outbox {
  const waiting: Waiting[] = []
  let isSending = false
  let notes = 0

  async function sendAll(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (performance.now() - next.atMs > maxAgeMs) continue
      try {
        await send(await toParts(next.letter, next.body))
      } catch (error) {
        onUnsendable(next.letter, toError(error))
      }
    }
  }

  async function send(parts: readonly Buffer[]): Promise<void> {
    for (const part of parts) {
      listener.notify(channel, seal.seal(part))
      notes += 1
      if (notes < notesAtOnce) continue
      notes = 0
      // Without a connection nobody would hear the rest in time.
      if (!(await listener.flush())) return
    }
  }

  return {
    post(letter, body) {
      waiting.push({ letter, body, atMs: performance.now() })
      if (waiting.length > maxWaiting) waiting.shift()
      if (isSending) return
      isSending = true
      void sendAll().finally(() => {
        isSending = false
      })
    },
    close() {
      waiting.length = 0
    },
  }
}
