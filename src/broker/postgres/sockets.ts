/** The sockets of some PostgreSQL clients, so that all can be broken at once: also one that is connecting, or waits for an answer. */
import { Socket } from 'node:net'

export interface Sockets {
  /** For a client's `stream` option. */
  readonly create: () => Socket
  /** Whoever waits on one of them gets an error. */
  destroy(): void
}

export function createSockets(): Sockets {
  const open = new Set<Socket>()
  return {
    create() {
      const socket = new Socket()
      open.add(socket)
      socket.once('close', () => open.delete(socket))
      return socket
    },
    destroy() {
      for (const socket of open) socket.destroy()
    },
  }
}
