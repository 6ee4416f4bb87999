/** Ends connections whose client goes on sending a body after the answer: nobody reads it. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Long enough for a client to read its answer, and for the rest of an ordinary body to come, which keeps the connection. */
const lingerMs = 500
const lookEveryMs = 25

/** At most `maxBytes` more are read and thrown away; what comes then waits, until the connection is cut. */
export function cutUnreadBody(request: IncomingMessage, response: ServerResponse, maxBytes: number): void {
  if (request.headers['transfer-encoding'] === undefined && (request.headers['content-length'] ?? '0') === '0') return
  response.once('finish', () => {
    if (!request.complete) linger(request, maxBytes)
  })
}

function linger(request: IncomingMessage, maxBytes: number): void {
  const { socket } = request
  const bytesBefore = socket.bytesRead
  const endsAtMs = Date.now() + lingerMs
  // A reader that has stopped in the middle of the body would leave the rest of it in the connection.
  request.resume()
  const looking = setInterval(() => {
    if (request.complete || socket.destroyed) return clearInterval(looking)
    if (socket.bytesRead - bytesBefore > maxBytes) socket.pause()
    if (Date.now() < endsAtMs) return
    clearInterval(looking)
    socket.destroy()
  }, lookEveryMs)
}
