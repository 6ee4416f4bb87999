/** Sends requests as they are, well-formed or not, over connections that are kept. */
import { Agent, type ClientRequest, type IncomingHttpHeaders, request } from 'node:http'

export interface Sent {
  readonly method: string
  /** As on the request line. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body?: Uint8Array
}

export interface Answer {
  /** 0 when the connection ended without one. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly tookMs: number
}

export interface Client extends Disposable {
  /** Errors: none. A kept connection that was closed meanwhile is replaced once. */
  send(sent: Sent): Promise<Answer>
}

const deadlineMs = 30_000
/** How long a stream of events is listened to. */
const streamMs = 100

export function createClient(url: string, connections = 32): Client {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const attempt = ({ method, path, headers, body }: Sent, over: Agent | false): Promise<Answer> =>
    new Promise((resolve) => {
      const startedMs = performance.now()
      const settle = (status: number, found: IncomingHttpHeaders, text: string) =>
        resolve({ status, headers: found, text, tookMs: performance.now() - startedMs })
      const length = body && headers['transfer-encoding'] === undefined ? { 'content-length': String(body.byteLength) } : {}
      const call = request({ hostname, port, method, path, agent: over, headers: { ...length, ...headers } as Record<string, string> })
      call.setTimeout(deadlineMs, () => call.destroy(new Error(`no answer within ${deadlineMs} ms`)))
      call.on('error', (error) => settle(0, {}, error.message))
      call.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', (error) => settle(0, response.headers, error.message))
        const finish = () => settle(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString('utf8'))
        response.on('end', finish)
        if (response.headers['content-type']?.startsWith('text/event-stream')) hangUp(call, finish)
      })
      call.end(body)
    })
  return {
    async send(sent) {
      const answer = await attempt(sent, agent)
      return answer.status === 0 && answer.tookMs < deadlineMs ? attempt(sent, false) : answer
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}

/** A stream of events does not end by itself: what it has said at its beginning is the answer. */
function hangUp(call: ClientRequest, finish: () => void): void {
  setTimeout(() => {
    finish()
    call.destroy()
  }, streamMs)
}

/** The request as a command line. Long values are cut. */
export function toCurl({ method, path, headers, body }: Sent): string {
  const quote = (text: string): string =>
    `'${(text.length > 400 ? `${text.slice(0, 400)}…(${text.length})` : text).replaceAll("'", `'\\''`)}'`
  const named = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => `-H ${quote(`${name}: ${one}`)}`))
  const data = body ? [`--data-binary ${quote(Buffer.from(body).toString('utf8'))}`] : []
  return ['curl', '-X', method, ...named, ...data, quote(path)].join(' ')
}
