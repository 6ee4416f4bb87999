/** What a message's place in its queue means for it. */
import { asClause, count } from '../../core/explanation.ts'
import type { MessageId } from '../../core/ids.ts'
import type { MessageExplanation, MessageStanding } from '../../core/ports/inspection.ts'
import { sumRate } from './explain-tenant.ts'
import { expectAt, type Finding, type MessagePicture, toFinding } from './message-finding.ts'

/** What a message is that waits in a queue. */
type QueueStanding = Extract<MessageStanding, 'queued' | 'retrying'>

/** undefined when the queue does not hold it. `standing` is what it is when it waits there. */
export function explainPlace(picture: MessagePicture, standing: QueueStanding): Finding | undefined {
  const { id, place } = picture
  if (place === 'silent') return explainUntold(id, standing, 'the broker does not answer')
  if (place?.kind === 'waiting') {
    const position = { ahead: place.ahead + countInMailboxes(picture), atMost: false }
    const sentence = `Message ${id} waits in its queue, with ${count(position.ahead, 'message')} before it`
    return inQueue(picture, sentence, { standing, position })
  }
  if (place?.kind === 'delivered') return explainDelivered(picture)
  return place?.kind === 'unknowable' ? explainUnknowable(picture, standing) : undefined
}

/** Nobody can look into the queue: that the message was never accepted would be a guess, after which it might be published twice. */
function explainUntold(id: MessageId, standing: QueueStanding, why: string): Finding {
  const block = { blockedBy: 'broker.unavailable' } as const
  if (standing === 'retrying')
    return toFinding(standing, `Message ${id} is in its queue or on its way; nobody can tell, because ${why}.`, block)
  return toFinding('unknown', `No node knows message ${id}, and nobody can tell whether it waits in its queue, because ${why}.`, block)
}

/** It may be one of those that wait; where none does, it is not in the queue. */
function explainUnknowable(picture: MessagePicture, standing: QueueStanding): Finding | undefined {
  const { id, depth, tenantBlock } = picture
  const ready = depth?.ready ?? 0
  if (ready === 0) {
    // What a broker that has just come back counts need not be all.
    return tenantBlock?.blockedBy === 'broker.unavailable' ? explainUntold(id, standing, asClause(tenantBlock.sentence)) : undefined
  }
  const position = { ahead: ready - 1 + countInMailboxes(picture), atMost: true }
  const among = `among the ${count(ready, 'message')} that ${ready === 1 ? 'waits' : 'wait'} in its queue`
  const which = 'the broker does not say which they are'
  if (standing === 'retrying') return inQueue(picture, `Message ${id} is ${among}; ${which}`, { standing, position })
  // Nothing but the queue could know it: it need not be there.
  const may = `Message ${id} may be ${among}, or was never accepted; ${which}`
  if (!tenantBlock) return inQueue(picture, may, { standing: 'unknown', position })
  return toFinding('unknown', `${may}. Nothing of that queue is run, because ${asClause(tenantBlock.sentence)}.`, {
    ...tenantBlock,
    position,
  })
}

/** What nodes have fetched and no worker has taken: it is before all that waits in the queue. */
const countInMailboxes = ({ nodes }: MessagePicture): number => nodes.reduce((sum, { session }) => sum + (session?.inMailbox ?? 0), 0)

/** With a node, and neither before its workers nor with one: it is looked up, its outcome is recorded, or the node has died. */
export function explainDelivered({ id, nodes }: Pick<MessagePicture, 'id' | 'nodes'>): Finding {
  const here = `Message ${id} was delivered, and its outcome is being decided or recorded`
  const stalled = nodes.map(({ tenant }) => tenant?.explanation).find((each) => each?.blockedBy === 'database.unavailable')
  if (!stalled) return toFinding('processing', `${here}.`, { blockedBy: 'outcome.recording' })
  return toFinding('processing', `${here}, which takes its time because ${asClause(stalled.sentence)}.`, stalled)
}

interface Waiting {
  readonly standing: MessageStanding
  readonly position: NonNullable<MessageExplanation['position']>
}

/** What waits is blocked by what its tenant is blocked by, or by what is before it. */
function inQueue({ tenantBlock, nodes, nowMs }: MessagePicture, sentence: string, { standing, position }: Waiting): Finding {
  if (tenantBlock) return toFinding(standing, `${sentence}, because ${asClause(tenantBlock.sentence)}.`, { ...tenantBlock, position })
  const expectedAt = expectAt(position.ahead, sumRate(nodes), nowMs)
  return toFinding(standing, `${sentence}.`, { blockedBy: 'queue.backlog', position, expectedAt, until: expectedAt })
}
