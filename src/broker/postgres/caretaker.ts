/** The few timers all consumers of a node share: looking for work they were not told of, and keeping claims honest. */
import { errorText } from '../../core/errors.ts'
import type { PulledConsumer } from './consumer-registry.ts'
import { isConnectionError } from './errors.ts'
import type { BrokerLog } from './options.ts'
import { touchEveryMs } from './queue-policy.ts'
import { repeat } from './repeat.ts'
import type { Statements } from './statements.ts'

export interface Caretaker {
  /** Tolerates twice. */
  stop(): void
}

export interface CaretakerParts {
  readonly consumers: () => readonly PulledConsumer[]
  readonly statements: Statements
  /** Looks whether the database still answers; acts on it when it does not. Never rejects. */
  readonly probe: () => Promise<void>
  readonly log: BrokerLog
}

// Wake-ups are hints: this bounds how long a message waits when one is lost, and how long a deleted queue goes unnoticed.
const scanEveryMs = 2_000
const probeEveryMs = 5_000
// Together with the heartbeat: a dead node's messages are back in at most 32 s.
const releaseEveryMs = 10_000

export function createCaretaker(parts: CaretakerParts): Caretaker {
  const { statements, log } = parts

  async function scan(): Promise<void> {
    const queues = new Set(parts.consumers().map((consumer) => consumer.queue))
    if (queues.size === 0) return
    const found = new Map((await statements.scan([...queues])).map((queue) => [queue.name, queue]))
    if (found.size === 0) return
    for (const consumer of parts.consumers()) {
      const queue = found.get(consumer.queue)
      if (queue?.gone) consumer.lose('the queue was deleted')
      else if (queue?.ready && consumer.hungry) consumer.wake()
    }
  }

  async function touch(): Promise<void> {
    await Promise.all(parts.consumers().map((consumer) => consumer.touch(touchEveryMs)))
  }

  async function releaseLapsed(): Promise<void> {
    const released = await statements.releaseLapsed()
    if (released > 0) log('warn', 'messages whose claim had lapsed went back to their queues', { released })
  }

  const guarded = (what: string, task: () => Promise<void>) => async () => {
    try {
      await task()
    } catch (error) {
      // A lost connection is reported once, by the probe.
      if (!isConnectionError(error)) log('warn', `${what} failed`, { reason: errorText(error) })
    }
  }

  const repeaters = [
    repeat(scanEveryMs, guarded('the scan for messages', scan)),
    repeat(touchEveryMs, guarded('the heartbeat of claims', touch)),
    repeat(releaseEveryMs, guarded('the release of lapsed claims', releaseLapsed)),
    repeat(probeEveryMs, guarded('the probe', parts.probe)),
  ]
  return {
    stop() {
      for (const repeater of repeaters) repeater.stop()
    },
  }
}
