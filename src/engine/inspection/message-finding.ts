/** What is found out about one message, and what it is found out from. */
import { asClause, future } from '../../core/explanation.ts'
import type { FailedMessage } from '../../core/failure.ts'
import type { MessageId } from '../../core/ids.ts'
import type { QueueDepth, QueuePlace } from '../../core/ports/broker.ts'
import type { Explanation, MessageExplanation, MessageStanding, Remedy } from '../../core/ports/inspection.ts'
import type { StoredMessage } from '../../core/ports/message-store.ts'
import type { ScheduledMessage } from '../../core/ports/schedule-store.ts'
import type { NodeFacts } from './explain-facts.ts'
import { isDeletion, isWish } from './explain-tenant.ts'

export interface MessagePicture {
  readonly id: MessageId
  readonly nodes: readonly NodeFacts[]
  /** What keeps every message of the tenant from being run. */
  readonly tenantBlock: Explanation | undefined
  readonly depth: QueueDepth | undefined
  readonly scheduled: ScheduledMessage | undefined
  readonly failed: FailedMessage | undefined
  readonly stored: StoredMessage | undefined
  /** undefined when the broker was not asked; `silent` when it does not answer. */
  readonly place: QueuePlace | 'silent' | undefined
  readonly nowMs: number
}

export type Finding = Omit<MessageExplanation, 'missingNodes'>

interface FindingParts {
  readonly blockedBy?: string | null
  readonly until?: Date | null
  readonly remedy?: Remedy | null
  readonly position?: MessageExplanation['position']
  readonly expectedAt?: Date | null
  readonly detail?: string | null
}

export function toFinding(standing: MessageStanding, sentence: string, parts: FindingParts = {}): Finding {
  const { blockedBy = null, until = null, remedy = null, position = null, expectedAt = null, detail = null } = parts
  return { standing, sentence, blockedBy, until, remedy, position, expectedAt, detail }
}

/**
 * What keeps a message from being run at its time, too: what was asked for holds until somebody takes it back, anything
 * else where it is known to last longer.
 */
export function findLasting(block: Explanation | undefined, dueAt: Date): Explanation | undefined {
  return block && (isWish(block) || (block.until !== null && block.until > dueAt)) ? block : undefined
}

/** The end of a sentence about a message that is not in its queue yet. What waits in the database goes with its tenant. */
export const meanwhile = ({ blockedBy, sentence }: Explanation): string =>
  `${isDeletion(blockedBy) ? 'it is not run any more but discarded, because' : 'meanwhile'} ${asClause(sentence)}`

/** When so many messages are done at this rate; null when nothing was processed lately. */
export const expectAt = (ahead: number, ratePerSecond: number, nowMs: number): Date | null =>
  ratePerSecond > 0 ? future(nowMs + Math.max(1, (ahead / ratePerSecond) * 1_000), nowMs) : null
