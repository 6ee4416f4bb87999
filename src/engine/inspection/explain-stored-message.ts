/** What the rows of a scheduled message, and of one whose outcome is recorded, say about it. */
import { future, sinceText } from '../../core/explanation.ts'
import type { StoredMessage } from '../../core/ports/message-store.ts'
import type { ScheduledMessage } from '../../core/ports/schedule-store.ts'
import { type Finding, findLasting, type MessagePicture, meanwhile, toFinding } from './message-finding.ts'

export function explainScheduledMessage(scheduled: ScheduledMessage, { tenantBlock, nowMs }: MessagePicture): Finding {
  const { id, scheduledAt } = scheduled
  const dueAt = future(scheduledAt.getTime(), nowMs)
  if (dueAt) {
    const waits = `Message ${id} is scheduled until ${dueAt.toISOString()}`
    const lasting = findLasting(tenantBlock, dueAt)
    if (lasting) return toFinding('scheduled', `${waits}; ${meanwhile(lasting)}.`, lasting)
    // To cancel it unblocks nothing: a remedy is a call that a program may make.
    return toFinding('scheduled', `${waits}; it can be cancelled until then.`, {
      blockedBy: 'schedule.waiting',
      until: dueAt,
      expectedAt: dueAt,
    })
  }
  const due = `Message ${id} has been due for ${sinceText(scheduledAt.getTime(), nowMs)}`
  if (!tenantBlock) return toFinding('scheduled', `${due} and goes into its queue next.`, { blockedBy: 'schedule.due' })
  return toFinding('scheduled', `${due}; ${meanwhile(tenantBlock)}.`, tenantBlock)
}

/** Of one without a failed message. */
export function explainStoredMessage({ id, status, attempts, processedAt, error }: StoredMessage): Finding {
  const at = processedAt ? ` at ${processedAt.toISOString()}` : ''
  const which = attempts > 1 ? `, at attempt ${attempts}` : ''
  if (status === 'processed') return toFinding('processed', `Message ${id} was processed${at}${which}.`)
  const rest = 'what had failed is not kept any more, and nobody tries it again'
  return toFinding('failed', `Message ${id} failed for good${at}${which}; ${rest}.`, { blockedBy: 'message.failed', detail: error })
}
