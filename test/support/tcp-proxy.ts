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
  /** What this side sends is swallowed from now on; cut the connection afterwards, for its bytes no longer make sense. */
  mute(side: ProxySide): void
}

export type ProxySide = 'client' | 'server'

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
  /** Everything passes in pieces of so many bytes, also on new connections; undefined ends that. */
  fragment(bytes: number | undefined): void
  /**
   * Cuts a connection whose client has sent `text`, when the server has answered it: the answer is swallowed.
   * Resolves when it has happened `times` times; rejects when `signal` aborts before.
   */
  cutInsteadOfAnswer(text: string, times: number, signal: AbortSignal): Promise<void>
}

/** What a proxy does to all its connections. */
interface Conditions {
  delayMs: number
  fragmentBytes: number | undefined
  /** Called with what a client sends; true when the answer is to be swallowed and the connection cut. */
  isToBeCut: ((chunk: Buffer) => boolean) | undefined
  onCut: (() => void) | undefined
}

/** Listens on 127.0.0.1. Disposing of it cuts everything. */
export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  const target = new URL(targetUrl)
  const open = new Set<ProxiedConnection>()
  const conditions: Conditions = { delayMs: 0, fragmentBytes: undefined, isToBeCut: undefined, onCut: undefined }
  let frozen = false

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const connection = pair(client, upstream, conditions)
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
      conditions.delayMs = ms
    },
    fragment(bytes) {
      conditions.fragmentBytes = bytes
    },
    async cutInsteadOfAnswer(text, times, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const giveUp = (): void => reject(new Error(`nobody has sent "${text}" ${times} times`))
      let marked = 0
      let left = times
      conditions.isToBeCut = (chunk) => marked < times && chunk.includes(text) && ++marked > 0
      conditions.onCut = () => {
        left--
        if (left === 0) resolve()
      }
      signal.addEventListener('abort', giveUp)
      try {
        await promise
      } finally {
        signal.removeEventListener('abort', giveUp)
        conditions.isToBeCut = undefined
        conditions.onCut = undefined
      }
    },
    async [Symbol.asyncDispose]() {
      for (const connection of open) connection.cut()
      server.close()
      await once(server, 'close')
    },
  }
}

function pair(client: Socket, upstream: Socket, conditions: Conditions): ProxiedConnection {
  const muted = new Set<Socket>()
  let hello = ''
  let isMarked = false
  const cut = (): void => {
    client.destroy()
    upstream.destroy()
  }
  const pass = (to: Socket, chunk: Buffer): void => {
    const { fragmentBytes = chunk.length } = conditions
    for (let from = 0; from < chunk.length && !to.destroyed; from += fragmentBytes) to.write(chunk.subarray(from, from + fragmentBytes))
  }
  const carry = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => {
      if (from === client && hello.length < 2_000) hello += chunk.toString('latin1')
      if (from === client && !isMarked) isMarked = conditions.isToBeCut?.(chunk) ?? false
      if (from === upstream && isMarked) {
        cut()
        conditions.onCut?.()
      } else if (!muted.has(from)) {
        if (conditions.delayMs > 0) setTimeout(pass, conditions.delayMs, to, chunk)
        else pass(to, chunk)
      }
    })
  }
  carry(client, upstream)
  carry(upstream, client)
  // A piece is a packet only as long as nobody waits to send it with the next.
  for (const socket of [client, upstream]) socket.setNoDelay(true)
  return {
    get hello() {
      return hello
    },
    cut,
    freeze() {
      client.pause()
      upstream.pause()
    },
    thaw() {
      client.resume()
      upstream.resume()
    },
    mute(side) {
      muted.add(side === 'client' ? client : upstream)
    },
  }
}
