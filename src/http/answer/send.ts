/** Writes an answer with the few headers that matter. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { AuditNote } from '../audit-note.ts'
import { onceClosed } from '../edge/once-closed.ts'
import type { ServerSentEvent } from './events.ts'

/**
 * `body` is written as JSON, `text` as it is, `stream` piece by piece, `events` as they come: what they are made of begins with the
 * call and ends with the signal. With none of them the answer is empty.
 */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly text?: string
  readonly stream?: AsyncIterable<string>
  readonly events?: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>
  /** Of the trace that it belongs to, where the request itself has not named one. */
  readonly traceId?: string | undefined
  /** What the request has changed, for the audit log. */
  readonly audit?: AuditNote
}

const sendStallMs = 30_000

const jsonType = 'application/json; charset=utf-8'

/** Errors: none, once the body can be written as JSON. Writing to a client that has gone is harmless. */
export function send(response: ServerResponse, requestId: string, { status, headers, body, text }: Reply): void {
  const payload = text ?? (body === undefined ? '' : JSON.stringify(body))
  const all: Record<string, string | number> = {
    'content-type': jsonType,
    'content-length': Buffer.byteLength(payload),
    ...toCommonHeaders(requestId),
    ...headers,
  }
  if (status === 204) {
    delete all['content-type']
    delete all['content-length']
  }
  response.writeHead(status, all)
  response.end(payload)
  // A client that asks and does not read must not keep the answer in memory; any progress starts the time anew.
  if (!response.writableFinished) endWhenStalled(response)
}

/**
 * Resolves when the whole stream is written, or the client has gone. No more is asked of the stream than the client has taken.
 *
 * Errors: those of the stream. One of its first piece comes before anything is sent; a later one leaves the answer unfinished,
 * and the caller must destroy the response: the client sees that the end is missing.
 */
export async function sendStream(
  response: ServerResponse,
  requestId: string,
  reply: Reply & Required<Pick<Reply, 'stream'>>,
): Promise<void> {
  const pieces = reply.stream[Symbol.asyncIterator]()
  const gone = new AbortController()
  onceClosed(response, () => gone.abort())
  try {
    let piece = await pieces.next()
    response.writeHead(reply.status, { ...toCommonHeaders(requestId), ...reply.headers })
    endWhenStalled(response)
    while (!piece.done && !gone.signal.aborted && response.req.method !== 'HEAD') {
      if (!response.write(piece.value)) await once(response, 'drain', { signal: gone.signal })
      piece = await pieces.next()
    }
    response.end()
  } catch (error) {
    if (!gone.signal.aborted) throw error
  } finally {
    await pieces.return?.()
  }
}

export const toCommonHeaders = (requestId: string): Record<string, string> => ({
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-request-id': requestId,
})

function endWhenStalled(response: ServerResponse): void {
  response.setTimeout(sendStallMs, () => response.destroy())
}
