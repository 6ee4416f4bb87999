/** What the rows of a scheduled message, and of one whose outcome is recorded, say about it. */
import { asClause, future, sinceText } from '../../core/explanation.ts'
import type { StoredMessage } from '../../core/ports/message-store.ts'
import type { ScheduledMessage } from '../../core/ports/schedule-store.ts'
import { type Finding, type MessagePicture, toFinding } from './message-finding.ts'

export function explainScheduledMessage(scheduled: ScheduledMessage, { tenantBlock, nowMs }: MessagePicture): Finding {
  const { id, scheduledAt } = scheduled
  const dueAt = future(scheduledAt.getTime(), nowMs)
  if (dueAt) {
    // To cancel it unblocks nothing: a remedy is a call that a program may make.
    const sentence = `Message ${id} is scheduled until ${dueAt.toISOString()}; it can be cancelled until then.`
    return toFinding('scheduled', sentence, { blockedBy: 'schedule.waiting', until: dueAt, expectedAt: dueAt })
  }
  const due = `Message ${id} has been due for ${sinceText(scheduledAt.getTime(), nowMs)} and goes into its queue next`
  if (!tenantBlock) return toFinding('scheduled', `${due}.`, { blockedBy: 'schedule.due' })
  return toFinding('scheduled', `${due}; meanwhile ${asClause(tenantBlock.sentence)}.`, { ...tenantBlock })
}

/** Of one without a failed message. */
export function explainStoredMessage({ id, status, attempts, processedAt, error }: StoredMessage): Finding {
  const at = processedAt ? ` at ${processedAt.toISOString()}` : ''
  const which = attempts > 1 ? `, at attempt ${attempts}` : ''
  if (status === 'processed') return toFinding('processed', `Message ${id} was processed${at}${which}.`)
  const rest = 'what had failed is not kept any more, and nobody tries it again'
  return toFinding('failed', `Message ${id} failed for good${at}${which}; ${rest}.`, { blockedBy: 'message.failed', detail: error })
}
