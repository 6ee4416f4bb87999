/** What is found out about one message, and what it is found out from. */
import { future } from '../../core/explanation.ts'
import type { FailedMessage } from '../../core/failure.ts'
import type { MessageId } from '../../core/ids.ts'
import type { QueueDepth, QueuePlace } from '../../core/ports/broker.ts'
import type { Explanation, MessageExplanation, MessageStanding, Remedy } from '../../core/ports/inspection.ts'
import type { StoredMessage } from '../../core/ports/message-store.ts'
import type { ScheduledMessage } from '../../core/ports/schedule-store.ts'
import type { NodeFacts } from './explain-facts.ts'

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

/** When so many messages are done at this rate; null when nothing was processed lately. */
export const expectAt = (ahead: number, ratePerSecond: number, nowMs: number): Date | null =>
  ratePerSecond > 0 ? future(nowMs + Math.max(1, (ahead / ratePerSecond) * 1_000), nowMs) : null
