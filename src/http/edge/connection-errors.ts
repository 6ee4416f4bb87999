/** Answers what is not HTTP, too large or too slow to become a request: with a problem, like everything else. */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type Problem, toProblem } from '../answer/problem.ts'
import type { Log } from '../log.ts'
import { Refusal } from '../request/refusal.ts'
import { toRequestId } from '../request/request-id.ts'

/** How long a client may take to read the answer before the connection is cut. */
const lingerMs = 500

/**
 * | what happened                                           | answer                             |
 * | headers over the limit                                  | 431 `request.headers_too_large`    |
 * | headers or body not there in time                       | 408 `request.timeout`              |
 * | anything else that the parser refuses                   | 400 `request.malformed`            |
 * | one of these after a request that is still being served | the same, after that one's answer, if that comes in time |
 * | one of these in a body whose answer is already begun    | none                               |
 *
 * In each case the connection ends: what follows on it cannot be told from an attack.
 */
export function answerConnectionErrors(server: Server, log: Log): void {
  const latest = new WeakMap<Socket, ServerResponse>()
  const broken = new WeakSet<Socket>()
  const note = (request: IncomingMessage, response: ServerResponse): void => void latest.set(request.socket, response)
  server.on('request', note)
  server.on('checkExpectation', note)

  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket
    // More of the same broken request.
    if (broken.has(socket)) return
    broken.add(socket)
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    const refusal = toRefusal(error.code)
    const response = latest.get(socket)
    if (!response || response.writableFinished) return refuse(socket, refusal)
    if (response.req.complete) {
      // A client that reads nothing would have it wait for ever.
      cutAfter(socket, server.headersTimeout)
      return void response.once('finish', () => refuse(socket, refusal))
    }
    // Queued behind another answer, or begun: what is written now would be taken for something else.
    if (response.socket === null || response.headersSent) return void socket.destroy()
    refuse(socket, refusal)
    // Nothing more of the body may reach whoever reads it.
    socket.once('finish', () => socket.destroy())
  })

  function refuse(socket: Socket, refusal: Refusal): void {
    const requestId = toRequestId(undefined)
    const { problem } = toProblem(refusal, { requestId })
    log('debug', 'connection refused', { request_id: requestId, status: problem.status, code: problem.code })
    socket.end(toHttp(problem))
    cutAfter(socket, lingerMs)
  }
}

function cutAfter(socket: Socket, milliseconds: number): void {
  const timer = setTimeout(() => socket.destroy(), milliseconds)
  socket.once('close', () => clearTimeout(timer))
}

function toRefusal(code: string | undefined): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') return new Refusal('request.headers_too_large', 'The headers are larger than this server accepts.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Refusal('request.timeout', 'The request was not complete in time.')
  return new Refusal('request.malformed', 'This is not a valid HTTP request.')
}

function toHttp(problem: Problem): string {
  const body = JSON.stringify(problem)
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'Connection: close',
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${problem.request_id}`,
    '',
    body,
  ].join('\r\n')
}
