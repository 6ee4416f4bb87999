/** Tells other nodes about queues with new messages, each queue at most once in a few milliseconds. */
import { errorText } from '../../core/errors.ts'
import type { BrokerLog, QueueWake } from './options.ts'

export interface WakeNotifier {
  notify(queue: string): void
  /** Sends what waits. Tolerates twice. */
  close(): void
}

const collectMs = 5

export function createWakeNotifier(wake: QueueWake, log: BrokerLog): WakeNotifier {
  const queues = new Set<string>()
  let timer: NodeJS.Timeout | undefined

  function send(): void {
    clearTimeout(timer)
    timer = undefined
    const names = [...queues]
    queues.clear()
    try {
      for (const name of names) wake.notify(name)
    } catch (error) {
      // A hint: the other nodes' scans find the messages.
      log('warn', 'waking other nodes failed', { reason: errorText(error) })
    }
  }

  return {
    notify(queue) {
      queues.add(queue)
      timer ??= setTimeout(send, collectMs)
    },
    close: send,
  }
}
