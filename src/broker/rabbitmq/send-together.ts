/** Sends messages of one tenant without waiting for one another's confirms. */
import type { AppError } from '../../core/errors.ts'
import { tenantQueueName } from '../../core/ids.ts'
import type { OutboundMessage } from '../../core/message.ts'
import type { Admitted } from '../../core/publish-window.ts'
import type { Publisher } from './publisher.ts'

/** Errors: of those that failed, one whose outcome is unknown, or the first; when each has its answer. */
export async function sendTogether(
  publisher: Publisher,
  admitted: readonly Admitted[],
  onStored: (message: OutboundMessage) => void,
): Promise<void> {
  const results = await Promise.allSettled(
    admitted.map(async (each) => {
      await publisher.publish(each, tenantQueueName(each.message.tenantId))
      onStored(each.message)
    }),
  )
  const failures = results.filter((result) => result.status === 'rejected').map(({ reason }): AppError => reason)
  if (failures.length > 0) throw failures.find(({ code }) => code === 'broker.unknown_outcome') ?? failures[0]
}
