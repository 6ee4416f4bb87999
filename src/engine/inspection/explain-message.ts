/** What has become of one message: with a worker, before them, waiting for its time or another attempt, at its end, or in the queue. */
import { asClause, count, sinceText, toFuture } from '../../core/explanation.ts'
import { explainFailedMessage } from './explain-failed-message.ts'
import { explainDelivered, explainPlace } from './explain-place.ts'
import { explainScheduledMessage, explainStoredMessage } from './explain-stored-message.ts'
import { runsMessages } from './explain-tenant.ts'
import { expectAt, type Finding, type MessagePicture, toFinding } from './message-finding.ts'

/** undefined: it was found nowhere. Errors: none; total. */
export function explainMessage(picture: MessagePicture): Finding | undefined {
  const { scheduled, failed, stored } = picture
  const held = explainHeld(picture)
  if (held) return { ...held, detail: failed?.error ?? held.detail }
  if (scheduled) return explainScheduledMessage(scheduled, picture)
  if (failed) return explainFailedMessage(failed, picture)
  if (stored) return explainStoredMessage(stored)
  return explainPlace(picture, 'queued')
}

function explainHeld({ id, nodes, nowMs }: MessagePicture): Finding | undefined {
  for (const { node, message } of nodes) {
    if (message?.kind !== 'running') continue
    const which = message.attempt > 1 ? `, attempt ${message.attempt}` : ''
    const since = sinceText(message.sinceMs, nowMs)
    const sentence = `Message ${id} has been processed by worker ${message.worker} of node ${node} for ${since}${which}.`
    return toFinding('processing', sentence, { blockedBy: 'handler.running', until: toFuture(message.untilMs, nowMs) })
  }
  for (const facts of nodes) {
    const { node, message, tenant, ratePerSecond } = facts
    if (message?.kind !== 'mailbox') continue
    const { ahead } = message
    const position = { ahead, atMost: false } as const
    const here = `Message ${id} has arrived on node ${node} and waits for a worker, with ${count(ahead, 'message')} before it`
    if (tenant && !runsMessages(facts)) {
      return toFinding('queued', `${here}, because ${asClause(tenant.explanation.sentence)}.`, { ...tenant.explanation, position })
    }
    const expectedAt = expectAt(ahead, ratePerSecond, nowMs)
    return toFinding('queued', `${here}.`, { blockedBy: 'workers.busy', position, expectedAt, until: expectedAt })
  }
  const settling = nodes.filter(({ message }) => message?.kind === 'settling')
  return settling.length > 0 ? explainDelivered({ id, nodes: settling }) : undefined
}
