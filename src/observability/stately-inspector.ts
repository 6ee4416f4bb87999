/** Offers the actors of a node in development to Stately’s inspector. */
import { errorText } from '../core/errors.ts'
import type { Logger } from '../core/ports/logger.ts'
import { openDoor } from './stately-door.ts'
import { type Inspected, isShown, toShownEvent } from './stately-event.ts'
import { createLiving } from './stately-living.ts'
import { createShowQueue } from './stately-queue.ts'

export interface StatelyInspector {
  /** For createActor's `inspect`. Never throws: what cannot be shown is left out. */
  inspect(event: Inspected): void
  stop(): void
}

export interface StatelyInspectorOptions {
  readonly port: number
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** The packages: a production installation is without them. */
  readonly load?: typeof loadInspector
}

/** What a viewer, or the server between, may leave unread. */
const maxUnreadBytes = 4_194_304

/** A page that has just connected is shown the living after so long. */
const settleMs = 500

/** Resolves when it listens; to undefined, with a line in the log, when the package is not there or the port is taken. */
export async function startStatelyInspector(options: StatelyInspectorOptions): Promise<StatelyInspector | undefined> {
  const { port, log, load = loadInspector } = options
  try {
    const inspection = await load()
    const living = createLiving()
    const server = await openDoor(() => inspection.createInspectorServer({ port, autoOpen: false }), {
      maxUnreadBytes,
      onVisitor: () => setTimeout(() => living.all().forEach(queue.add), settleMs).unref(),
    })
    const line = new WebSocket(`ws://127.0.0.1:${port}`)
    const inspector = inspection.createInspector({ send: (event) => sendBounded(line, JSON.stringify(event)) })
    const queue = createShowQueue(
      (event: Inspected) => inspector.inspect.next?.(toShownEvent(event)),
      () => line.readyState === WebSocket.OPEN,
    )
    log.info(`Stately’s inspector shows the actors at http://localhost:${port}`)
    return {
      inspect: (event) => {
        try {
          if (!isShown(event)) return
          living.note(event)
          queue.add(event)
        } catch {
          // What cannot be looked at is left out.
        }
      },
      stop() {
        queue.stop()
        line.close()
        server.stop()
      },
    }
  } catch (error) {
    log.warn('Stately’s inspector is not offered', { port, reason: errorText(error) })
    return undefined
  }
}

/** Development alone needs them. */
export async function loadInspector() {
  const [client, server] = await Promise.all([import('@statelyai/inspect'), import('@statelyai/inspect/server')])
  return { createInspector: client.createInspector, createInspectorServer: server.createInspectorServer }
}

function sendBounded(line: WebSocket, text: string): void {
  if (line.readyState === WebSocket.OPEN && line.bufferedAmount < maxUnreadBytes) line.send(text)
}
