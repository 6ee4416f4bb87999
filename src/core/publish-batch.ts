/** Publishes batches: a client's at once or not at all, the engine's own in parts beside them; and says of a failed one what is stored. */
import { AppError, errorText } from './errors.ts'
import type { MessageId } from './ids.ts'
import type { OutboundMessage } from './message.ts'
import type { BatchOptions } from './ports/broker.ts'
import { type Admitted, createPublishWindow, type PublishWindow, type WindowLimits } from './publish-window.ts'

export interface BatchPorts<Door> {
  readonly limits: WindowLimits
  /** What messages can be sent by now. Throws when that is nothing. */
  readonly open: () => Door
  /** Sends them together and has each leave its window, whatever happens. Calls `onStored` for each that is confirmed. Errors: AppError. */
  readonly send: (door: Door, admitted: readonly Admitted[], onStored: (message: OutboundMessage) => void) => Promise<void>
}

export interface BatchPublisher {
  /** Of what clients publish. */
  readonly window: PublishWindow
  /** See Broker.publishBatch(). */
  publish(messages: readonly OutboundMessage[], options?: BatchOptions): Promise<void>
  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void>
}

export function createBatchPublisher<Door>({ limits, open, send }: BatchPorts<Door>): BatchPublisher {
  const window = createPublishWindow(limits)
  // A window of its own: neither takes the other's places, so that due messages and clients get on side by side.
  const backgroundLimits = toBackgroundLimits(limits)
  const background = createPublishWindow(backgroundLimits)

  const sendParts = async (
    messages: readonly OutboundMessage[],
    patience: AbortSignal,
    onStored: (message: OutboundMessage) => void,
  ): Promise<void> => {
    for (const part of toParts(messages, backgroundLimits)) {
      const door = open()
      await send(door, await background.takeWhenRoom(part, patience), onStored)
    }
  }

  return {
    window,
    async publish(messages, { patience } = {}) {
      if (messages.length === 0) return
      const stored = new Set<OutboundMessage>()
      const onStored = (message: OutboundMessage): void => void stored.add(message)
      try {
        if (patience) await sendParts(messages, patience, onStored)
        else await send(open(), window.take(messages), onStored)
      } catch (error) {
        throw toBatchError(error, messages, stored)
      }
    },
    async whenIdle() {
      await Promise.all([window.whenIdle(), background.whenIdle()])
    },
  }
}

/** The ids that are stored although their batch failed with this error. */
export function readConfirmed(error: unknown): ReadonlySet<MessageId> {
  const confirmed = error instanceof AppError ? error.details.confirmed : undefined
  return new Set(Array.isArray(confirmed) ? confirmed : [])
}

/** A quarter of what clients may have in flight, and beside it. */
function toBackgroundLimits(limits: WindowLimits): WindowLimits {
  const quarter = (whole: number): number => Math.max(1, Math.floor(whole / 4))
  return {
    maxInFlight: quarter(limits.maxInFlight),
    maxInFlightPerTenant: quarter(limits.maxInFlightPerTenant),
    maxInFlightBytes: quarter(limits.maxInFlightBytes),
  }
}

/** In order, each as large as fits in the window; a message that alone is larger is a part of its own. */
export function toParts(messages: readonly OutboundMessage[], limits: WindowLimits): readonly (readonly OutboundMessage[])[] {
  const maxCount = Math.min(limits.maxInFlight, limits.maxInFlightPerTenant)
  const parts: OutboundMessage[][] = []
  let part: OutboundMessage[] = []
  let bytes = 0
  for (const message of messages) {
    const size = Buffer.byteLength(message.body)
    if (part.length === 0 || part.length === maxCount || bytes + size > limits.maxInFlightBytes) {
      part = []
      parts.push(part)
      bytes = 0
    }
    part.push(message)
    bytes += size
  }
  return parts
}

/** As it is while nothing is stored; otherwise an unknown outcome that names the ids that are. */
function toBatchError(error: unknown, messages: readonly OutboundMessage[], stored: ReadonlySet<OutboundMessage>): unknown {
  if (stored.size === 0) return error
  const open = new Set(messages.filter((message) => !stored.has(message)).map(({ id }) => id))
  const confirmed = [...stored].map(({ id }) => id).filter((id) => !open.has(id))
  const { retryable, scope } = error instanceof AppError ? error : { retryable: true, scope: 'message' as const }
  const text = `${stored.size} of ${messages.length} messages are stored: ${errorText(error)}`
  return new AppError('broker.unknown_outcome', text, { retryable, scope, cause: error, details: { confirmed } })
}
