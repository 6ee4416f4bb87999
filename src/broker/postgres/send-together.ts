/** Sends messages of one tenant in one statement: all of them are stored, or none. */
import { tenantQueueName } from '../../core/ids.ts'
import type { OutboundMessage } from '../../core/message.ts'
import type { Admitted } from '../../core/publish-window.ts'
import { toJobData } from './job.ts'
import type { Publisher } from './publisher.ts'

/** Errors: the publisher's. */
export async function sendTogether(
  publisher: Publisher,
  admitted: readonly Admitted[],
  onStored: (message: OutboundMessage) => void,
): Promise<void> {
  const [first] = admitted
  if (!first) return
  try {
    const jobs = admitted.map(({ message }) => ({ data: toJobData(message), priority: message.priority }))
    await publisher.send(tenantQueueName(first.message.tenantId), jobs)
    for (const { message } of admitted) onStored(message)
  } finally {
    for (const { leave } of admitted) leave()
  }
}
