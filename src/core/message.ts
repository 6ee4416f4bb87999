/** What a client publishes, and one arrival of it from the broker. */
import type { MessageId, TenantId } from './ids.ts'

/** 0 normal, 1 high, 2 urgent. */
export type Priority = 0 | 1 | 2

/** A message on its way to the broker. `body` is its `data` as JSON text; everything else travels in properties. */
export interface OutboundMessage {
  readonly tenantId: TenantId
  readonly id: MessageId
  readonly type: string
  readonly priority: Priority
  readonly key: string | null
  /** When the engine accepted it, in epoch milliseconds. */
  readonly createdAtMs: number
  /** When it became due, in epoch milliseconds: `createdAtMs`, or later for one that was scheduled or is tried again. */
  readonly readyAtMs: number
  /** The run this publication is for, counted from 1. */
  readonly attempt: number
  /** The attempt with which the retry policy began to count: 1, or later when an operator has tried the message again. */
  readonly firstAttempt: number
  /** What it belongs to for those who trace it; undefined when nobody does. See ports/tracing.ts. */
  readonly trace?: string | undefined
  readonly body: string
}

/**
 * One arrival of a message. The consumer that delivered it settles it; nobody else can.
 *
 * Shape: `tag` is unique within the consumer and rises by one with each delivery.
 */
export interface Delivery {
  readonly tenantId: TenantId
  readonly id: MessageId
  readonly type: string
  readonly priority: Priority
  readonly key: string | null
  readonly createdAtMs: number
  readonly readyAtMs: number
  readonly attempt: number
  readonly firstAttempt: number
  readonly trace?: string | undefined
  readonly redelivered: boolean
  readonly tag: number
  /** The body as text: the message's `data` in JSON. Decoded at the first call. */
  text(): string
}
