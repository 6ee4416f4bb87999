/** Counts each request when its answer is sent: what was asked for, how it was answered, how long it took. */
import type { RequestHandler } from 'express'
import type { AnsweredRequest } from '../../../core/ports/metrics.ts'
import { onceClosed } from '../../edge/once-closed.ts'
import { factsOf } from '../../request-facts.ts'

/** Goes before every route. A client that leaves before anything was sent is not counted. */
export function countRequests(answered: (request: AnsweredRequest) => void): RequestHandler {
  return (request, response, next) => {
    onceClosed(response, () => {
      if (!response.headersSent) return
      const { action = 'none', arrivedMs, traceId, isEndless } = factsOf(request, response)
      const seconds = isEndless ? undefined : (performance.now() - arrivedMs) / 1000
      answered({ action, kind: toKind(request.method, action), status: response.statusCode, seconds, traceId })
    })
    next()
  }
}

function toKind(method: string, action: string): AnsweredRequest['kind'] {
  if (action === 'message.publish') return 'publish'
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? 'read' : 'write'
}
