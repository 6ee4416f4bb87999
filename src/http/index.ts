/** The door of the HTTP layer: a server that starts, drains and closes. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AppOptions, createApp } from './create-app.ts'

export type HttpServerOptions = Omit<AppOptions, 'isDraining'>

export interface HttpServer {
  /** Port 0 lets the system choose. Errors: those of the socket, such as EADDRINUSE. */
  listen(port: number, host: string): Promise<{ readonly port: number }>
  /** From now on /readyz says no and writes are refused with 503; reads are still answered. */
  startDraining(): void
  /** Stops accepting, finishes the requests in flight, then closes; at the deadline their sockets are destroyed. Tolerates twice and never-listened. */
  close(deadlineMs: number): Promise<void>
}

/** How long a client may take to send its headers, its whole request; how long a silent connection is kept. */
const timeouts = { headersTimeout: 15_000, requestTimeout: 60_000, keepAliveTimeout: 65_000 } as const
/** How often a closing server looks for connections that have become idle. */
const closingSweepMs = 25

export function createHttpServer(options: HttpServerOptions): HttpServer {
  let draining = false
  const app = createApp({ ...options, isDraining: () => draining })
  const server = createServer(timeouts, app)
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
