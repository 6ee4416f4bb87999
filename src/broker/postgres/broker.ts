/** The Broker port on PostgreSQL: one session at a time, opened by connect() and, after a loss, opened again. */
import { AppError, errorText } from '../../core/errors.ts'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../core/ids.ts'
import type { Broker, BrokerEvent } from '../../core/ports/broker.ts'
import { createBatchPublisher } from '../../core/publish-batch.ts'
import { settledWithin } from './deadline.ts'
import { notConnected, toBrokerError } from './errors.ts'
import type { PostgresBrokerOptions } from './options.ts'
import { sendTogether } from './send-together.ts'
import type { Session } from './session.ts'
import { openSession } from './session.ts'

const connectTimeoutMs = 30_000

type Life =
  | { readonly phase: 'disconnected'; readonly reason: string }
  | { readonly phase: 'connecting'; readonly done: Promise<void>; readonly cancel: AbortController }
  | { readonly phase: 'connected'; readonly session: Session }
  | { readonly phase: 'closed'; readonly done: Promise<void> }

/**
 * A broker whose queues are pg-boss queues in one schema; nodes that share database and schema share them.
 *
 * Guarantees: a confirmed message is committed; it leaves its queue only by acknowledgement, deletion of the tenant, or
 * burial in the dead-letter queue. The messages a dead node held are back at once when another node starts alone, within
 * about half a minute otherwise.
 * Errors: the port's; `config.invalid` here for a schema name that is not a plain identifier.
 */
export function createPostgresBroker(options: PostgresBrokerOptions): Broker {
  const schema = options.schema ?? 'tenantry_queue'
  if (!/^[a-z_][a-z0-9_]{0,49}$/.test(schema)) throw new AppError('config.invalid', `not a usable schema name: ${schema}`)
  const listeners = new Set<(event: BrokerEvent) => void>()
  const batches = createBatchPublisher({
    limits: { ...options, maxInFlight: options.maxInFlightPublishes },
    open: () => session().publisher,
    send: sendTogether,
  })
  let life: Life = { phase: 'disconnected', reason: 'connect() was not called' }

  function session(): Session {
    if (life.phase === 'connected') return life.session
    throw notConnected(life.phase === 'disconnected' ? life.reason : `it is ${life.phase}`)
  }

  function emit(event: BrokerEvent): void {
    for (const listener of [...listeners]) {
      try {
        listener(event)
      } catch (error) {
        options.log('error', 'a listener of the broker threw', { reason: errorText(error) })
      }
    }
  }

  function lose(reason: string): void {
    if (life.phase !== 'connected') return
    life = { phase: 'disconnected', reason }
    emit({ type: 'broker.lost', reason })
  }

  async function open(signal: AbortSignal): Promise<void> {
    const opening = openSession({ ...options, schema, onLost: lose }, signal)
    try {
      const opened = await Promise.race([opening, whenAborted(signal)])
      signal.throwIfAborted()
      life = { phase: 'connected', session: opened }
    } catch (error) {
      // It may still succeed, too late for anybody to use it.
      opening.then(
        (late) => late.close(0),
        () => undefined,
      )
      const failure = signal.aborted ? notConnected('connecting was given up') : toBrokerError(error)
      if (life.phase === 'connecting') life = { phase: 'disconnected', reason: failure.message }
      throw failure
    }
  }

  async function shutDown(last: Life, deadlineMs: number): Promise<void> {
    if (last.phase === 'connecting') {
      last.cancel.abort()
      await last.done.catch(() => undefined)
    }
    if (last.phase !== 'connected') return
    const endsAtMs = Date.now() + deadlineMs
    await settledWithin(batches.whenIdle(), deadlineMs)
    await last.session.close(Math.max(0, endsAtMs - Date.now()))
  }

  return {
    kind: 'postgres',
    async connect(signal) {
      if (life.phase === 'connected') return
      if (life.phase === 'connecting') return life.done
      if (life.phase === 'closed') throw notConnected('it is closed')
      const cancel = new AbortController()
      const done = open(AbortSignal.any([signal, cancel.signal, AbortSignal.timeout(connectTimeoutMs)]))
      life = { phase: 'connecting', done, cancel }
      return done
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close(deadlineMs) {
      if (life.phase === 'closed') return life.done
      const done = shutDown(life, deadlineMs)
      life = { phase: 'closed', done }
      return done
    },
    declareTenant: async (tenantId) => session().queues.declare(tenantId),
    async deleteTenant(tenantId) {
      const { queues, endConsumersOf } = session()
      const removed = await queues.remove(tenantId)
      endConsumersOf(tenantQueueName(tenantId))
      endConsumersOf(tenantDeadLetterQueueName(tenantId))
      return { discarded: removed[0].messages, queues: removed }
    },
    depth: async (tenantId) => session().queues.depth(tenantId),
    find: async (tenantId, id) => session().queues.find(tenantId, id),
    publish: (message) => batches.publish([message]),
    publishBatch: batches.publish,
    openConsumer: async (tenantId, consumerOptions) => session().openConsumer(tenantId, consumerOptions),
    openDeadLetters: async (tenantId, letterOptions) => session().openDeadLetters(tenantId, letterOptions),
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
