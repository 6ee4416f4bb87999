/** Which web pages of other origins may call the API from a browser. */
import cors from 'cors'
import type { RequestHandler } from 'express'
import { requestIdOf } from '../request-facts.ts'

/** What a page may send and read beyond what browsers allow anyway. */
const sent = ['Authorization', 'Content-Type', 'Idempotency-Key', 'If-Match', 'If-None-Match', 'Last-Event-ID', 'X-Api-Key', 'X-Request-Id']
const read = [
  'ETag',
  'Idempotency-Replayed',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
]
const preflightAgeSeconds = 600

/** Credentials travel in headers, never in cookies: `Access-Control-Allow-Credentials` is not sent. */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  const answer = cors({
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: sent,
    exposedHeaders: read,
    maxAge: preflightAgeSeconds,
  })
  return (request, response, next) => {
    const isPreflight = request.headers['access-control-request-method'] !== undefined && request.headers.origin !== undefined
    // Any other OPTIONS asks what the path answers, and is none of a browser's business.
    if (request.method === 'OPTIONS' && !isPreflight) return next()
    if (request.method === 'OPTIONS') response.setHeader('x-request-id', requestIdOf(request, response))
    answer(request, response, next)
  }
}
