/** Short notes between nodes by LISTEN and NOTIFY. */
import { AppError, toError } from '../core/errors.ts'
import { toTextArray } from './array-literal.ts'
import { type ConnectionTarget, schemaFingerprint } from './connection-settings.ts'
import { isConnectionIntact } from './errors.ts'
import { createSteadyConnection } from './steady-connection.ts'

/**
 * Notes are hints: one sent while nobody is connected is lost, so whoever listens looks by itself now and then.
 *
 * Shape: a channel is 1–30 lower-case letters, digits and underscores. Only installations with the same database and
 * schema hear each other; a node hears its own notes too.
 */
export interface Listener {
  /** Calls back with each payload. Returns the unsubscriber. Errors: `config.invalid` for a text that is no channel. */
  listen(channel: string, onPayload: (payload: string) => void): () => void
  /**
   * Sends a note soon and, of equal notes that wait, one. While there is no connection up to 1,000 notes wait, the oldest go first.
   *
   * Units: payloads of up to 7,999 bytes.
   * Errors: `config.invalid` as above and for a payload that is too long.
   */
  notify(channel: string, payload: string): void
  /** For whoever has many notes: resolves when none that was given until now waits any more; false when they wait for a connection. */
  flush(): Promise<boolean>
  /** Sends what waits, then ends. Tolerates twice and never-connected. */
  close(): Promise<void>
}

export interface ListenerOptions extends ConnectionTarget {
  readonly applicationName?: string
  /** Hears why a connection was lost or not made, and what a callback threw; the listener goes on. */
  readonly onError: (error: Error) => void
}

interface Note {
  readonly name: string
  readonly payload: string
}

const maxWaitingNotes = 1_000
const maxPayloadBytes = 7_999
const sendNotes = 'select pg_notify(n.name, n.payload) from unnest($1::text[], $2::text[]) as n (name, payload)'

export function createListener(options: ListenerOptions): Listener {
  const fingerprint = schemaFingerprint(options.schema)
  const subscribers = new Map<string, Set<(payload: string) => void>>()
  const waiting = new Map<string, Note>()
  let sending: Promise<void> | undefined
  /** For those who wait for the notes that wait now. */
  let leaving: PromiseWithResolvers<boolean> | undefined
  const connection = createSteadyConnection({
    ...options,
    applicationName: options.applicationName ?? 'tenantry-listener',
    onConnected() {
      for (const name of subscribers.keys()) change(`listen ${name}`)
      // A sending that has just failed is over first; its notes wait.
      void Promise.resolve(sending).then(send)
    },
    onNotification: callBack,
  })

  // Without a connection there is nothing to change: the next one begins with every subscription there is then.
  const change = (statement: string) => void connection.run(statement).catch(() => undefined)

  function callBack(name: string, payload: string): void {
    for (const onPayload of subscribers.get(name) ?? []) {
      try {
        onPayload(payload)
      } catch (error) {
        options.onError(toError(error))
      }
    }
  }

  function send(): void {
    if (sending === undefined && waiting.size > 0) sending = sendWaiting()
  }

  async function sendWaiting(): Promise<void> {
    try {
      while (waiting.size > 0 && (await sendTurn()));
    } finally {
      // In the same turn as the last look at what waits: a note that comes later begins anew.
      sending = undefined
      leaving?.resolve(waiting.size === 0)
      leaving = undefined
    }
  }

  /** False when there is no connection. */
  async function sendTurn(): Promise<boolean> {
    // Notes of the same turn of the event loop share a statement, and equal ones become one.
    await new Promise(setImmediate)
    const notes = [...waiting.values()]
    waiting.clear()
    const left = leaving
    leaving = undefined
    let isConnected = true
    try {
      await connection.run(sendNotes, [toTextArray(notes.map((note) => note.name)), toTextArray(notes.map((note) => note.payload))])
    } catch (error) {
      isConnected = isConnectionIntact(error)
      // Refused notes would be refused again. Others wait for the next connection, and being heard twice does no harm.
      if (isConnected) options.onError(toError(error))
      else for (const note of notes) keep(note)
    }
    left?.resolve(isConnected)
    return isConnected
  }

  function keep(note: Note): void {
    waiting.set(`${note.name} ${note.payload}`, note)
    for (const oldest of waiting.keys()) {
      if (waiting.size <= maxWaitingNotes) return
      waiting.delete(oldest)
    }
  }

  function toName(channel: string): string {
    if (!/^[a-z0-9_]{1,30}$/.test(channel)) throw new AppError('config.invalid', 'this is not the name of a channel')
    return `tenantry_${fingerprint}_${channel}`
  }

  return {
    listen(channel, onPayload) {
      const name = toName(channel)
      const own = subscribers.get(name) ?? new Set()
      subscribers.set(name, own.add(onPayload))
      if (own.size === 1) change(`listen ${name}`)
      return () => {
        if (!own.delete(onPayload) || own.size > 0) return
        subscribers.delete(name)
        change(`unlisten ${name}`)
      }
    },
    notify(channel, payload) {
      if (Buffer.byteLength(payload) > maxPayloadBytes) throw new AppError('config.invalid', 'the note is too long')
      keep({ name: toName(channel), payload })
      send()
    },
    flush() {
      if (waiting.size === 0) return Promise.resolve(true)
      if (sending === undefined) return Promise.resolve(false)
      leaving ??= Promise.withResolvers()
      return leaving.promise
    },
    async close() {
      await sending
      await connection.close()
    },
  }
}
