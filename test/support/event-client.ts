/** Reads server-sent events as a browser would, and keeps what it has read. */
import { eventually } from './eventually.ts'

export interface ReadEvent {
  readonly id: string | undefined
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the server sent
  readonly data: any
}

export interface EventStream extends AsyncDisposable {
  readonly status: number
  readonly headers: Headers
  /** All that has come. */
  readonly text: () => string
  readonly events: () => readonly ReadEvent[]
  /** Resolves when so many have come. */
  wait(count: number): Promise<readonly ReadEvent[]>
  /** Resolves when the server has ended the answer; rejects when it has broken off. */
  readonly ended: Promise<void>
  leave(): void
}

/** Resolves when the headers are there. */
export async function openEvents(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
  const leaving = new AbortController()
  const response = await fetch(url, { headers, signal: leaving.signal })
  let text = ''
  const ended = (async () => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk
  })()
  ended.catch(() => {})
  const events = (): readonly ReadEvent[] =>
    text
      .split('\n\n')
      .slice(0, -1)
      .flatMap((block) => toEvent(block) ?? [])
  return {
    status: response.status,
    headers: response.headers,
    text: () => text,
    events,
    wait: async (count) => {
      await eventually(() => events().length >= count)
      return events()
    },
    ended,
    leave: () => leaving.abort(),
    async [Symbol.asyncDispose]() {
      leaving.abort()
      await ended.catch(() => {})
    },
  }
}

/** undefined for a comment, or a line that only says when to come again. */
function toEvent(block: string): ReadEvent | undefined {
  const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]))
  const data = fields.get('data')
  return data === undefined ? undefined : { id: fields.get('id'), event: fields.get('event') ?? 'message', data: JSON.parse(data) }
}
