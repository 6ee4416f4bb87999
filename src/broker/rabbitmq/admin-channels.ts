/** Short work on channels of their own: a refused declare closes its channel, and must not close a consumer's. */
import type { Channel } from 'amqplib'
import pLimit from 'p-limit'
import type { Channels } from './channels.ts'
import { toBrokerError, withDeadline } from './errors.ts'

export interface AdminChannels {
  /** Runs `work` on a channel nobody else uses meanwhile. Errors: as `toBrokerError`. */
  use<T>(doing: string, work: (channel: Channel) => Promise<T>): Promise<T>
}

const deadlineMs = 15_000
const maxChannels = 8

export function createAdminChannels(channels: Channels): AdminChannels {
  const idle: Channel[] = []
  // An answer and the end of the connection may arrive together: the channel is closed before its work goes on.
  const closed = new WeakSet<Channel>()
  const limit = pLimit(maxChannels)

  const open = async (): Promise<Channel> => {
    const channel = await channels.open()
    channel.once('close', () => {
      closed.add(channel)
      const index = idle.indexOf(channel)
      if (index >= 0) idle.splice(index, 1)
    })
    return channel
  }

  const run = async <T>(doing: string, work: (channel: Channel) => Promise<T>): Promise<T> => {
    try {
      const channel = idle.pop() ?? (await open())
      try {
        const result = await withDeadline(work(channel), deadlineMs, doing)
        if (!closed.has(channel)) idle.push(channel)
        return result
      } catch (thrown) {
        // Nobody waits for it: a broker that did not answer the work may not answer this either.
        channel.close().catch(() => {})
        throw thrown
      }
    } catch (thrown) {
      throw toBrokerError(thrown, doing)
    }
  }

  return { use: (doing, work) => limit(() => run(doing, work)) }
}
