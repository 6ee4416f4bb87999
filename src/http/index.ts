/** The door of the HTTP layer: a server that starts, drains and closes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'
import { type AppOptions, createApp } from './create-app.ts'
import { answerConnectionErrors } from './edge/connection-errors.ts'
import { cutUnreadBody } from './edge/unread-bodies.ts'

export { createLimiter } from './edge/limiter.ts'

export interface HttpServerOptions extends Omit<AppOptions, 'isDraining'> {
  readonly limits: AppOptions['limits'] & Partial<ConnectionLimits>
}

/** What a connection may cost before there is a request. */
export interface ConnectionLimits {
  /** All headers of a request together. */
  readonly headerBytes: number
  /** How long a client may take to send its headers, from the moment it connects. */
  readonly headersTimeoutMs: number
  /** The same for the whole request; no less. */
  readonly requestTimeoutMs: number
}

export interface HttpServer {
  /** Port 0 lets the system choose. Errors: those of the socket, such as EADDRINUSE. */
  listen(port: number, host: string): Promise<{ readonly port: number }>
  /** From now on /readyz says no and writes are refused with 503; reads are still answered. */
  startDraining(): void
  /** Stops accepting, finishes the requests in flight, then closes; at the deadline their sockets are destroyed. Tolerates twice and never-listened. */
  close(deadlineMs: number): Promise<void>
}

const defaultLimits: ConnectionLimits = { headerBytes: 16_384, headersTimeoutMs: 10_000, requestTimeoutMs: 60_000 }
/** How long a silent connection is kept: longer than the usual proxy keeps it, so that the proxy is the one who ends it. */
const keepAliveMs = 65_000
/** How often slow clients are looked for. */
const slowSweepMs = 1_000
/** How often a closing server looks for connections that have become idle. */
const closingSweepMs = 25

export function createHttpServer(options: HttpServerOptions): HttpServer {
  let draining = false
  const app = createApp({ ...options, isDraining: () => draining })
  const server = createGuardedServer(options, app)
  let closed: Promise<void> | undefined

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ port, host }, () => {
          server.off('error', reject)
          resolve({ port: (server.address() as AddressInfo).port })
        })
      }),

    startDraining() {
      draining = true
    },

    close(deadlineMs) {
      draining = true
      closed ??= closeServer(server, deadlineMs)
      return closed
    },
  }
}

function createGuardedServer({ limits, log }: HttpServerOptions, app: Express): Server {
  const { headerBytes, headersTimeoutMs, requestTimeoutMs } = { ...defaultLimits, ...limits }
  const server = createServer({
    maxHeaderSize: headerBytes,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.min(slowSweepMs, headersTimeoutMs),
    keepAliveTimeout: keepAliveMs,
    // The application refuses a request without it, with a problem.
    requireHostHeader: false,
  })
  // Before the application, so that it knows of every request.
  answerConnectionErrors(server, log)
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    cutUnreadBody(request, response, limits.bodyBytes)
    app(request, response)
  }
  server.on('request', serve)
  // An expectation that nobody knows may be ignored (RFC 9110); Node would refuse it without a body.
  server.on('checkExpectation', serve)
  return server
}

function closeServer(server: Server, deadlineMs: number): Promise<void> {
  if (!server.listening) return Promise.resolve()
  return new Promise((resolve) => {
    // A connection whose request was in flight is idle once it is answered; nobody but us would end it.
    const sweep = setInterval(() => server.closeIdleConnections(), closingSweepMs)
    const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(deadline)
      resolve()
    })
    server.closeIdleConnections()
  })
}
