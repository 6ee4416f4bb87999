/** Opens one AMQP connection with a deadline, and says once when it has ended. */
import { type ChannelModel, connect } from 'amqplib'
import { errorText } from '../../core/errors.ts'
import { toBrokerError, unavailable, withDeadline } from './errors.ts'

export interface ConnectionOptions {
  readonly url: string
  readonly heartbeatSeconds: number
  /** Shown by RabbitMQ's management pages. */
  readonly name: string
}

export interface Connection {
  readonly model: ChannelModel
  /** True until the connection ended, whoever ended it. */
  readonly isOpen: () => boolean
  /** Says goodbye to the broker, and drops the socket of one that does not answer. Tolerates twice. */
  close(): Promise<void>
}

const connectDeadlineMs = 10_000
const closeDeadlineMs = 2_000

/**
 * Resolves with an open connection; `onEnded` is then called exactly once, when it ends.
 *
 * Errors: `broker.unavailable`, also when `signal` aborts.
 */
export async function openConnection(
  options: ConnectionOptions,
  onEnded: (reason: string) => void,
  signal?: AbortSignal,
): Promise<Connection> {
  const socket = new AbortController()
  const model = await handshake(options, socket, signal)
  let open = true
  let lastError: string | undefined
  // The error listener comes first: amqplib rethrows an unheard error. Some ends emit only `close`.
  model.on('error', (error) => {
    lastError = errorText(error)
  })
  model.on('close', (error) => {
    if (!open) return
    open = false
    // amqplib only half-closes the socket: towards a peer that is gone it would stay for a quarter of an hour.
    setTimeout(() => socket.abort(), closeDeadlineMs).unref()
    onEnded(lastError ?? (error ? errorText(error) : 'the connection was closed'))
  })
  return {
    model,
    isOpen: () => open,
    async close() {
      if (!open) return
      await withDeadline(model.close(), closeDeadlineMs, 'closing a RabbitMQ connection').catch(() => {})
      if (open) socket.abort()
    },
  }
}

/** `socket` drops the connection's socket when it is aborted, then and later. */
async function handshake(options: ConnectionOptions, socket: AbortController, signal: AbortSignal | undefined): Promise<ChannelModel> {
  if (signal?.aborted) throw unavailable('connecting to RabbitMQ: cancelled')
  const { promise: givenUp, reject } = Promise.withResolvers<never>()
  const giveUp = (why: string): void => {
    reject(unavailable(`connecting to RabbitMQ: ${why}`))
    socket.abort()
  }
  // One that is out of file descriptors accepts the socket and never greets.
  const noAnswer = `no answer within ${connectDeadlineMs} ms (is the broker out of file descriptors?)`
  const timer = setTimeout(() => giveUp(noAnswer), connectDeadlineMs)
  const onAbort = (): void => giveUp('cancelled')
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([givenUp, connect(toUrl(options), toSocketOptions(options, socket.signal))])
  } catch (thrown) {
    throw toBrokerError(thrown, 'connecting to RabbitMQ')
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function toUrl(options: ConnectionOptions): string {
  const url = new URL(options.url)
  url.searchParams.set('heartbeat', String(options.heartbeatSeconds))
  return url.href
}

const toSocketOptions = (options: ConnectionOptions, signal: AbortSignal) => ({
  noDelay: true,
  keepAlive: true,
  signal,
  clientProperties: { connection_name: options.name },
})
