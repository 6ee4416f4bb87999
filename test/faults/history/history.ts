/** What a run did and was told, in order: all that the checker knows besides the final state. One JSON line each. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'

/**
 * What the answer to a publish promises.
 *
 * | outcome | means                                  |
 * | ok      | 202: the message is accepted           |
 * | fail    | the answer says that nothing is stored |
 * | info    | nobody knows                           |
 */
export type PublishOutcome = 'ok' | 'fail' | 'info'

export interface SentMessage {
  /** null when the engine makes it. */
  readonly id: string | null
  readonly type: string
  /** Of its data; no two messages have the same. */
  readonly hash: string
}

export type HistoryEntry =
  | { readonly kind: 'tenant'; readonly tenant: string; readonly canary: string }
  | { readonly kind: 'deleting'; readonly tenant: string }
  | { readonly kind: 'publish'; readonly call: number; readonly tenant: string; readonly messages: readonly SentMessage[] }
  | {
      readonly kind: 'answer'
      readonly call: number
      readonly outcome: PublishOutcome
      /** 0 when there was no answer. */
      readonly status: number
      readonly code: string | null
      readonly tookMs: number
      /** In the order of the messages; empty when the answer names none. */
      readonly ids: readonly string[]
    }
  /** An answer of the API about a tenant, with every canary in it. */
  | { readonly kind: 'read'; readonly tenant: string; readonly canaries: readonly string[] }
  | { readonly kind: 'fault'; readonly name: string; readonly phase: 'begins' | 'healed' | 'recovered' }

export interface History extends Disposable {
  readonly file: string
  /** Milliseconds since 1970 are added to each line. */
  add(entry: HistoryEntry): void
  entries(): readonly HistoryEntry[]
}

/** Every line is in the file before add() returns. */
export function openHistory(file: string): History {
  const handle = openSync(file, 'w')
  const entries: HistoryEntry[] = []
  return {
    file,
    add(entry) {
      entries.push(entry)
      writeSync(handle, `${JSON.stringify({ at: Date.now(), ...entry })}\n`)
    },
    entries: () => entries,
    [Symbol.dispose]: () => closeSync(handle),
  }
}

/** The same for the same data, whatever the order of its keys: PostgreSQL keeps its own. */
export const hashData = (data: unknown): string => createHash('sha1').update(toCanonical(data)).digest('base64url')

function toCanonical(data: unknown): string {
  if (Array.isArray(data)) return `[${data.map(toCanonical).join(',')}]`
  if (typeof data !== 'object' || data === null) return JSON.stringify(data)
  const fields = Object.entries(data).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${toCanonical(value)}`).join(',')}}`
}

export const canaryPattern = /canary-[0-9a-f]{16}/g
