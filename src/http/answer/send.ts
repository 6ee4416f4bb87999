/** Writes an answer with the few headers that matter. */
import type { ServerResponse } from 'node:http'

/** `body` is written as JSON, `text` as it is; with neither the answer is empty. */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly text?: string
}

const sendStallMs = 30_000

const jsonType = 'application/json; charset=utf-8'

/** Errors: none, once the body can be written as JSON. Writing to a client that has gone is harmless. */
export function send(response: ServerResponse, requestId: string, { status, headers, body, text }: Reply): void {
  const payload = text ?? (body === undefined ? '' : JSON.stringify(body))
  const all: Record<string, string | number> = {
    'content-type': jsonType,
    'content-length': Buffer.byteLength(payload),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
    ...headers,
  }
  if (status === 204) {
    delete all['content-type']
    delete all['content-length']
  }
  response.writeHead(status, all)
  response.end(payload)
  // A client that asks and does not read must not keep the answer in memory; any progress starts the time anew.
  if (!response.writableFinished) response.setTimeout(sendStallMs, () => response.destroy())
}
