/** What explanations know beside an actor's snapshot. */
import { future } from '../src/core/explanation.ts'
import type { MessageId } from '../src/core/ids.ts'

/** Whether the node's link to its broker stands. `blocked`: it delivers, and takes no messages. */
export type LinkCondition = 'connecting' | 'up' | 'blocked' | 'away'

/** A delivery whose handler runs now. */
export interface RunningFacts {
  readonly messageId: MessageId
  readonly worker: number
  readonly sinceMs: number
  /** When the handler is given up at the latest; null for one without a deadline. */
  readonly untilMs: number | null
}

/** What a tenant's session on this node holds. */
export interface SessionFacts {
  /** Received and not settled. */
  readonly inFlight: number
  /** Of these, how many no worker has taken. */
  readonly inMailbox: number
  readonly running: readonly RunningFacts[]
}

/** What is undefined is not known, and not spoken of. */
export interface ExplainFacts {
  readonly nowMs: number
  /** When the actor entered its state. */
  readonly sinceMs?: number | undefined
  readonly link?: LinkCondition | undefined
  /** True while the ledger cannot write. */
  readonly isDatabaseAway?: boolean | undefined
  /** When a node that drains gives up what still runs. */
  readonly drainEndsAtMs?: number | undefined
  /** Of the tenant, or of the worker's tenant. */
  readonly session?: SessionFacts | undefined
  /** Messages that wait in the tenant's queue. */
  readonly ready?: number | undefined
}

/** As much of a machine's snapshot as an explanation reads. */
export interface Snapshot<Context> {
  readonly context: Context
  matches(value: string | object): boolean
}

/** When a timer that began with the state ends: null when that is not known, or is past, so that it ends at any moment. */
export function endOf({ sinceMs, nowMs }: ExplainFacts, delayMs: number): Date | null {
  return sinceMs === undefined ? null : future(sinceMs + delayMs, nowMs)
}

export const linkTrouble: Readonly<Record<Exclude<LinkCondition, 'up'>, string>> = {
  connecting: 'the node is still connecting to the broker',
  away: 'the broker is away',
  blocked: 'the broker takes no messages',
}

/** True when nothing can be asked of the broker. */
export const isLinkDown = (link: LinkCondition | undefined): link is 'connecting' | 'away' => link === 'connecting' || link === 'away'
