/** Fills queues as the engine would publish: persistent, confirmed, the same properties for every contender. */
import { connect } from 'amqplib'
import { v7 as uuidv7 } from 'uuid'
import { toPublishOptions } from '../../../src/broker/rabbitmq/properties.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import { messageBody, messageType } from './message.ts'

export interface Backlog {
  /** Publishes `count` messages, spread evenly over the queues; resolves when all are confirmed. */
  fill(queues: readonly string[], count: number): Promise<void>
  purge(queue: string): Promise<void>
  close(): Promise<void>
}

const window = 2000
// Only in the queue's name matters whose message it is.
const nobody = '00000000-0000-7000-8000-000000000000' as TenantId
const content = Buffer.from(messageBody)

export async function openBacklog(rabbitmqUrl: string): Promise<Backlog> {
  const connection = await connect(rabbitmqUrl, { noDelay: true })
  const channel = await connection.createConfirmChannel()
  return {
    async fill(queues, count) {
      for (let sent = 0; sent < count; sent++) {
        channel.publish('', queues[sent % queues.length] as string, content, toOptions())
        if (sent % window === window - 1) await channel.waitForConfirms()
      }
      await channel.waitForConfirms()
    },
    purge: async (queue) => void (await channel.purgeQueue(queue)),
    close: () => connection.close(),
  }
}

const toOptions = () => {
  const createdAtMs = Date.now()
  return toPublishOptions(
    {
      tenantId: nobody,
      id: uuidv7() as MessageId,
      type: messageType,
      priority: 0,
      key: null,
      createdAtMs,
      readyAtMs: createdAtMs,
      attempt: 1,
      firstAttempt: 1,
      body: messageBody,
    },
    '0',
  )
}
