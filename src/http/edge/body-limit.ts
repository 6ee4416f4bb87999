/** Ends the reading of a body that is too large while it still comes, rather than after its last byte. */
import type { IncomingMessage } from 'node:http'

/** Answered with 413, as body-parser's own error is. */
class BodyTooLarge extends Error {
  readonly status = 413
}

/**
 * Calls `refuse` at most once: now for a body that is declared too large, later for one without a length that becomes so.
 * True when it has been refused and need not be read. Who reads the body attaches in the same turn of the event loop.
 */
export function refuseTooLarge(request: IncomingMessage, maxBytes: number, refuse: (error: Error) => void): boolean {
  const declared = request.headers['content-length']
  if (declared !== undefined) {
    if (Number(declared) <= maxBytes) return false
    refuse(new BodyTooLarge('the declared length is over the limit'))
    return true
  }
  let bytes = 0
  const count = (chunk: Buffer): void => {
    bytes += chunk.length
    if (bytes <= maxBytes) return
    request.off('data', count)
    refuse(new BodyTooLarge('more came than the limit'))
  }
  request.on('data', count)
  return false
}
