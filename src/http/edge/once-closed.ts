/** When a response can do no more. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const ofSockets = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls `then` once: after the response is finished or its client has gone; at once, when it is so already. Before Node 24,
 * a response that waits behind another one on its connection hears nothing itself when the connection ends.
 */
export function onceClosed(response: ServerResponse, then: () => void): void {
  const { socket } = response.req
  if (response.closed || socket.destroyed) {
    then()
    return
  }
  const ofSocket = ofSockets.get(socket) ?? watch(socket)
  const close = (): void => {
    ofSocket.delete(close)
    response.off('close', close)
    then()
  }
  ofSocket.add(close)
  response.once('close', close)
}

/** One listener, however many requests a connection brings. */
function watch(socket: Socket): Set<() => void> {
  const ofSocket = new Set<() => void>()
  ofSockets.set(socket, ofSocket)
  socket.once('close', () => {
    for (const close of [...ofSocket]) close()
  })
  return ofSocket
}
