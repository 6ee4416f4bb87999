/** Looks at RabbitMQ's queues, and writes to them, behind the engine's back. */
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib'

export const rabbitmqUrl = process.env.TENANTRY_TEST_RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672'

export interface QueueLook {
  readonly messages: number
  readonly consumers: number
}

/** Does `work` on a connection of its own, with a channel that confirms. */
export async function withChannel<T>(url: string, work: (channel: ConfirmChannel, connection: ChannelModel) => Promise<T>): Promise<T> {
  const connection = await connect(url, { timeout: 5_000 })
  connection.on('error', () => {})
  try {
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => {})
    return await work(channel, connection)
  } finally {
    await connection.close().catch(() => {})
  }
}

/** What a passive declaration says; undefined when there is no such queue. */
export function lookAtQueue(url: string, name: string): Promise<QueueLook | undefined> {
  return withChannel(url, (channel) =>
    channel.checkQueue(name).then(
      ({ messageCount, consumerCount }) => ({ messages: messageCount, consumers: consumerCount }),
      () => undefined,
    ),
  )
}

/** Removes the queues that exist. */
export async function deleteQueues(url: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  await withChannel(url, async (channel: Channel) => {
    for (const name of names) await channel.deleteQueue(name)
  })
}
