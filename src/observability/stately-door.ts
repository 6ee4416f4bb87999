/** The door of Stately’s server, which would let everybody in, keep what a viewer does not read, and end the process where its port is taken. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Server, type Socket } from 'node:net'

interface Stoppable {
  stop(): void
}

export interface DoorOptions {
  readonly maxUnreadBytes: number
  /** Somebody of this machine has connected. Must not throw. */
  readonly onVisitor: () => void
}

const listenChannel = 'tracing:net.server.listen:asyncStart'

/**
 * Resolves when the server listens that `begin` makes and does not hand out. Only this machine is let in; whoever leaves more than
 * `maxUnreadBytes` unread is cut off, and everybody is when it stops.
 *
 * Errors: those of `begin`, and of the socket where it cannot listen.
 */
export async function openDoor(begin: () => Stoppable, options: DoorOptions): Promise<Stoppable> {
  const { server, begun } = watchListen(begin)
  if (server === undefined) {
    begun.stop()
    throw new Error('its server cannot be watched')
  }
  const cutOff = watchSockets(server, options)
  const stop = (): void => {
    begun.stop()
    cutOff()
  }
  // The server's own listeners throw what nobody catches.
  server.removeAllListeners('error').on('error', () => undefined)
  try {
    await once(server, 'listening')
  } catch (error) {
    stop()
    throw error
  }
  return { stop }
}

function watchListen(begin: () => Stoppable) {
  let server: Server | undefined
  const onListen = (message: unknown): void => {
    if (message instanceof Object && 'server' in message && message.server instanceof Server) server ??= message.server
  }
  subscribe(listenChannel, onListen)
  try {
    const begun = begin()
    return { begun, server }
  } finally {
    unsubscribe(listenChannel, onListen)
  }
}

/** Returns what cuts everybody off. */
function watchSockets(server: Server, { maxUnreadBytes, onVisitor }: DoorOptions): () => void {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    if (!isLocal(socket)) return void socket.destroy()
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    onVisitor()
  })
  const cutting = setInterval(() => {
    for (const socket of sockets) if (socket.writableLength > maxUnreadBytes) socket.destroy()
  }, 1_000).unref()
  return () => {
    clearInterval(cutting)
    for (const socket of sockets) socket.destroy()
  }
}

const isLocal = ({ remoteAddress = '' }: Socket): boolean => /^(?:::ffff:)?127\.|^::1$/.test(remoteAddress)
