/** What a message's place in its queue means for it. */
import { asClause, count } from '../../core/explanation.ts'
import type { MessageId } from '../../core/ids.ts'
import type { MessageExplanation, MessageStanding } from '../../core/ports/inspection.ts'
import { runsMessages, sumRate } from './explain-tenant.ts'
import { expectAt, type Finding, type MessagePicture, toFinding } from './message-finding.ts'

/** What a message is that waits in a queue. */
type QueueStanding = Extract<MessageStanding, 'queued' | 'retrying'>

const recording = { blockedBy: 'outcome.recording' } as const

/** undefined when the queue does not hold it. `standing` is what it is when it waits there. */
export function explainPlace(picture: MessagePicture, standing: QueueStanding): Finding | undefined {
  const { id, place } = picture
  if (place === 'silent') return explainUntold(id, standing, 'the broker does not answer')
  if (place?.kind === 'waiting') {
    const sentence = `Message ${id} waits in its queue, with ${count(place.ahead, 'message')} before it`
    return inQueue(picture, sentence, { standing, position: { ahead: place.ahead, atMost: false } })
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

/** It may be one that waits, or one that a node has and nobody runs; where there is none of these, it is not in the queue. */
function explainUnknowable(picture: MessagePicture, standing: QueueStanding): Finding | undefined {
  const { id, depth, nodes, tenantBlock } = picture
  const settling = nodes.reduce(
    (sum, { session }) => sum + (session ? session.inFlight - session.inMailbox - session.running.length : 0),
    0,
  )
  const ready = depth?.ready ?? 0
  const places = [
    ...(ready > 0 ? [`the ${count(ready, 'message')} that ${ready === 1 ? 'waits' : 'wait'} in its queue`] : []),
    ...(settling > 0 ? [`the ${count(settling, 'message')} whose outcome is being recorded`] : []),
  ].join(' or ')
  if (places === '') {
    // What a broker that has just come back counts need not be all.
    return tenantBlock?.blockedBy === 'broker.unavailable' ? explainUntold(id, standing, asClause(tenantBlock.sentence)) : undefined
  }
  const position = ready > 0 ? { ahead: ready - 1, atMost: true } : null
  const which = 'the broker does not say which they are'
  if (standing === 'retrying') {
    if (!position) return toFinding(standing, `Message ${id} may be among ${places}; ${which}.`, recording)
    return inQueue(picture, `Message ${id} is among ${places}; ${which}`, { standing, position })
  }
  // Nothing but the queue could know it: it need not be there.
  const may = `Message ${id} may be among ${places}, or was never accepted; ${which}`
  if (!position || !tenantBlock) return toFinding('unknown', `${may}.`, { position })
  return toFinding('unknown', `${may}. Nothing of that queue is run, because ${asClause(tenantBlock.sentence)}.`, {
    ...tenantBlock,
    position,
  })
}

/** With a node, and neither before its workers nor with one: it is looked up, its outcome is recorded, or the node has died. */
function explainDelivered({ id, nodes }: MessagePicture): Finding {
  const here = `Message ${id} was delivered, and its outcome is being decided or recorded`
  const stalled = nodes.map(({ tenant }) => tenant?.explanation).find((each) => each?.blockedBy === 'database.unavailable')
  if (!stalled) return toFinding('processing', `${here}.`, recording)
  return toFinding('processing', `${here}, which takes its time because ${asClause(stalled.sentence)}.`, stalled)
}

interface Waiting {
  readonly standing: MessageStanding
  readonly position: NonNullable<MessageExplanation['position']>
}

/** What waits is blocked by what its tenant is blocked by, or by what is before it. */
function inQueue({ tenantBlock, nodes, nowMs }: MessagePicture, sentence: string, { standing, position }: Waiting): Finding {
  if (tenantBlock) return toFinding(standing, `${sentence}, because ${asClause(tenantBlock.sentence)}.`, { ...tenantBlock, position })
  const inMailboxes = nodes.filter(runsMessages).reduce((sum, { session }) => sum + (session?.inMailbox ?? 0), 0)
  const expectedAt = expectAt(position.ahead + inMailboxes, sumRate(nodes), nowMs)
  return toFinding(standing, `${sentence}.`, { blockedBy: 'queue.backlog', position, expectedAt, until: expectedAt })
}
