/** The consumer actor: owns the tenant's channel from open to close and reports what happens to it. */
import { type CallbackActorLogic, fromCallback } from 'xstate'
import { AppError, type ErrorCode, errorText } from '../../src/core/errors.ts'
import type { TenantId } from '../../src/core/ids.ts'
import type { BrokerConsumer } from '../../src/core/ports/broker.ts'
import type { GroupCommitter } from '../ledger/group-committer.ts'
import type { ActorPorts } from '../ports.ts'
import type { Sessions } from '../tenant/sessions.ts'

/**
 * | command         | does                                                           | reports           |
 * | consumer.start  | receives deliveries, opens the mailbox                         |                   |
 * | consumer.pause  | stops receiving; what no worker has begun goes back            |                   |
 * | consumer.drain  | stops receiving; what has arrived is worked off                | session.settled   |
 * | mailbox.open    | lets the workers go on after a stall                           |                   |
 * | consumer.close  | sends the waiting acknowledgements, closes the channel         | consumer.closed   |
 */
export type ConsumerCommand =
  | { type: 'consumer.start' }
  | { type: 'consumer.pause' }
  | { type: 'consumer.drain' }
  | { type: 'mailbox.open' }
  | { type: 'consumer.close' }

export type ConsumerReport =
  | { type: 'consumer.opened' }
  | { type: 'consumer.closed' }
  | { type: 'consumer.lost'; reason: string; code?: ErrorCode }
  | { type: 'session.settled' }
  | { type: 'partition.missing' }

export type ConsumerLogic = CallbackActorLogic<ConsumerCommand, { tenantId: TenantId }>

/** One instance serves one attachment: it takes over the tenant's open session and ends it. Commands are carried out in order, one at a time. */
export function createConsumerLogic(
  ports: Pick<ActorPorts, 'broker' | 'nodeId' | 'policy'>,
  sessions: Sessions,
  admit: <T>(work: () => Promise<T>) => Promise<T>,
  ledger: Pick<GroupCommitter, 'stalled'>,
): ConsumerLogic {
  let opened = 0
  return fromCallback(({ input, sendBack, receive }) => {
    const { tenantId } = input
    const session = sessions.find(tenantId) ?? sessions.open(tenantId)
    session.onPartitionMissing = () => sendBack({ type: 'partition.missing' } satisfies ConsumerReport)
    let consuming = false
    let closing = false

    const report = (event: ConsumerReport): void => {
      if (!session.ended) sendBack(event)
    }
    const lose = (reason: string, code?: ErrorCode): void => {
      if (closing) return
      closing = true
      report({ type: 'consumer.lost', reason, ...(code && { code }) })
    }
    const fail = (thrown: unknown): void => lose(errorText(thrown), thrown instanceof AppError ? thrown.code : undefined)
    const open = async (): Promise<BrokerConsumer> => {
      const consumer = await admit(async () => {
        // Given up while it waited for its turn.
        if (session.ended) throw new AppError('broker.unavailable', 'the attachment was given up', { retryable: true, scope: 'tenant' })
        return ports.broker.openConsumer(tenantId, {
          consumerTag: `${ports.nodeId}.${tenantId}.${++opened}`,
          prefetch: ports.policy.prefetch,
          onDelivery: (delivery) => session.receive(delivery),
          onLost: (reason) => lose(reason),
        })
      })
      session.bind(consumer)
      if (session.ended) await consumer.close()
      else report({ type: 'consumer.opened' })
      return consumer
    }

    // A mailbox is not opened while the ledger stalls: opening it is what follows the stall.
    const openMailbox = (): void => {
      if (!ledger.stalled) session.mailbox.open()
    }

    const perform = async (command: ConsumerCommand, consumer: BrokerConsumer): Promise<void> => {
      switch (command.type) {
        case 'consumer.start':
          if (!consuming) await consumer.start()
          consuming = true
          openMailbox()
          return
        case 'consumer.pause':
          if (consuming) await consumer.cancel()
          consuming = false
          session.mailbox.shut()
          session.giveBackAll()
          return
        case 'consumer.drain':
          if (consuming) await consumer.cancel()
          consuming = false
          openMailbox()
          session.whenSettled(() => report({ type: 'session.settled' }))
          return
        case 'mailbox.open':
          openMailbox()
          return
        case 'consumer.close':
          closing = true
          await consumer.close()
          report({ type: 'consumer.closed' })
          return
      }
    }

    const opening = open()
    let last: Promise<unknown> = opening.catch(fail)
    receive((command) => {
      last = last
        .then(() => opening)
        .then((consumer) => (session.ended ? undefined : perform(command, consumer)))
        .catch(fail)
    })

    return () => {
      closing = true
      // Closes the channel; one that is still opening is closed by open().
      sessions.close(session)
    }
  })
}
