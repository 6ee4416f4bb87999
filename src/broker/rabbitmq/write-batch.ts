/** Joins the messages that are published together in one write: amqplib makes a system call for each, its largest cost. */
import { Duplex } from 'node:stream'
import type { ChannelModel } from 'amqplib'

/**
 * Returns what to call before each publish. From then until the turn after next of the event loop the connection's socket
 * collects what is written to it: amqplib hands its buffer to the socket in the turn between.
 */
export function createWriteBatch(model: ChannelModel): () => void {
  // Not part of amqplib's interface: without it every message is written by itself, as amqplib would.
  const stream: unknown = Reflect.get(model.connection, 'stream')
  if (!(stream instanceof Duplex)) return () => {}
  let corked = false
  const uncork = (): void => {
    corked = false
    stream.uncork()
  }
  const uncorkSoon = (): void => void setImmediate(uncork)
  const batch = (): void => {
    if (corked) return
    corked = true
    stream.cork()
    setImmediate(uncorkSoon)
  }
  // When the socket has room again amqplib hands over what had to wait; it must find it corked.
  stream.prependListener('drain', batch)
  return batch
}
