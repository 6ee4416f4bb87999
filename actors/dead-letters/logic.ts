/** Drains a tenant's dead-letter queue into its failed messages, for as long as the tenant is attached. */
import { type CallbackActorLogic, fromCallback } from 'xstate'
import { computeBackoffMs } from '../../src/core/backoff.ts'
import { errorText } from '../../src/core/errors.ts'
import type { TenantId } from '../../src/core/ids.ts'
import type { DeadLetter, DeadLetterConsumer } from '../../src/core/ports/broker.ts'
import type { ActorPorts } from '../ports.ts'

const quietMs = 10_000

export type DeadLettersLogic = CallbackActorLogic<{ type: 'deadLetters.stop' }, { tenantId: TenantId }>

/** Never fails: it opens its consumer again, ever more rarely, until it is stopped. */
export function createDeadLettersLogic(
  ports: Pick<ActorPorts, 'broker' | 'failures' | 'metrics' | 'log' | 'policy'>,
  admit: <T>(work: () => Promise<T>) => Promise<T>,
): DeadLettersLogic {
  return fromCallback(({ input: { tenantId } }) => {
    let stopped = false
    let attempt = 0
    let stored = 0
    let quietUntil = 0
    let failures = 0
    let troubleQuietUntil = 0
    let timer: NodeJS.Timeout | undefined
    let consumer: DeadLetterConsumer | undefined

    // Garbage comes in floods: the rows tell about each, the log about their number.
    const noteStored = ({ id, reason, detail }: DeadLetter): void => {
      stored++
      if (performance.now() < quietUntil) return
      ports.log.warn('dead letters were stored as failed messages', { tenant_id: tenantId, count: stored, last: { id, reason, detail } })
      quietUntil = performance.now() + quietMs
      stored = 0
    }
    // The letter is handed out again and again: its trouble is told at once, and then now and then.
    const noteFailure = ({ id, reason }: DeadLetter, error: unknown): void => {
      failures++
      if (performance.now() < troubleQuietUntil) return
      const last = { id, dead_because: reason, reason: errorText(error) }
      ports.log.warn('dead letters could not be stored; trying again', { tenant_id: tenantId, count: failures, last })
      troubleQuietUntil = performance.now() + quietMs
      failures = 0
    }
    const store = async (letter: DeadLetter): Promise<void> => {
      try {
        await ports.failures.recordDeadLetter(letter)
      } catch (error) {
        noteFailure(letter, error)
        throw error
      }
      attempt = 0
      ports.metrics.settled('failed')
      noteStored(letter)
    }
    const reopen = (reason: string): void => {
      consumer = undefined
      if (stopped) return
      attempt++
      ports.log.debug('the dead-letter queue is not drained now; trying again', { tenant_id: tenantId, attempt, reason })
      timer = setTimeout(open, computeBackoffMs(attempt, ports.policy.reconnect))
    }

    const open = async (): Promise<void> => {
      try {
        const opened = await admit(async () => {
          if (stopped) return undefined
          return ports.broker.openDeadLetters(tenantId, { onDeadLetter: store, onLost: reopen })
        })
        if (stopped) await opened?.close()
        else consumer = opened
      } catch (error) {
        reopen(errorText(error))
      }
    }

    void open()
    return () => {
      stopped = true
      clearTimeout(timer)
      consumer?.close().catch(() => {})
    }
  })
}
