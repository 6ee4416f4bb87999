/** A TCP proxy in the test's own process, to break connections in the ways that networks do. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface ProxiedConnection {
  /** The first bytes that the client sent, as Latin-1: AMQP clients say their name there. */
  readonly hello: string
  /** Ends both sides at once. */
  cut(): void
  /** Nothing passes, and both sides stay open, until thaw(). What was sent meanwhile passes then. */
  freeze(): void
  thaw(): void
}

export interface TcpProxy extends AsyncDisposable {
  /** The given URL with the proxy's host and port. */
  readonly url: string
  /** Those that are open, oldest first. */
  readonly connections: readonly ProxiedConnection[]
  /** Cuts the open connections at these places, or all. */
  cut(places?: readonly number[]): void
  /** Freezes all connections, and those to come. */
  freeze(): void
  thaw(): void
  /** Everything passes `ms` later, in both directions, also on new connections. */
  delay(ms: number): void
}

/** Listens on 127.0.0.1. Disposing of it cuts everything. */
export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  const target = new URL(targetUrl)
  const open = new Set<ProxiedConnection>()
  let frozen = false
  let delayMs = 0

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const connection = pair(client, upstream, () => delayMs)
    open.add(connection)
    if (frozen) connection.freeze()
    const end = (): void => {
      open.delete(connection)
      connection.cut()
    }
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(targetUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)

  return {
    url: url.href,
    get connections() {
      return [...open]
    },
    cut(places) {
      for (const [place, connection] of [...open].entries()) if (places?.includes(place) ?? true) connection.cut()
    },
    freeze() {
      frozen = true
      for (const connection of open) connection.freeze()
    },
    thaw() {
      frozen = false
      for (const connection of open) connection.thaw()
    },
    delay(ms) {
      delayMs = ms
    },
    async [Symbol.asyncDispose]() {
      for (const connection of open) connection.cut()
      server.close()
      await once(server, 'close')
    },
  }
}

function pair(client: Socket, upstream: Socket, delayMs: () => number): ProxiedConnection {
  let hello = ''
  const pass = (to: Socket, chunk: Buffer): void => {
    if (!to.destroyed) to.write(chunk)
  }
  const carry = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => {
      if (from === client && hello.length < 2_000) hello += chunk.toString('latin1')
      if (delayMs() > 0) setTimeout(pass, delayMs(), to, chunk)
      else pass(to, chunk)
    })
  }
  carry(client, upstream)
  carry(upstream, client)
  return {
    get hello() {
      return hello
    },
    cut() {
      client.destroy()
      upstream.destroy()
    },
    freeze() {
      client.pause()
      upstream.pause()
    },
    thaw() {
      client.resume()
      upstream.resume()
    },
  }
}
