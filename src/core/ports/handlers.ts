/** The handlers port: what a worker runs for a delivery. */
import type { FailedMessage } from '../failure.ts'
import type { Delivery } from '../message.ts'
import type { Outcome } from '../outcome.ts'
import type { RetryPolicyPatch } from '../retry-policy.ts'
import type { ProcessSpan } from './tracing.ts'

export interface RunContext {
  /** Handler settings of the tenant (`PUT /tenants/{id}/config`). */
  readonly config: Readonly<Record<string, unknown>>
  /** Aborted when the node gives up waiting for the handler: at its drain deadline. */
  readonly signal: AbortSignal
  /** Of this attempt; undefined when nobody traces. */
  readonly span?: ProcessSpan | undefined
  /** Told when a run begins, with the time in epoch milliseconds at which its handler is given up. Must not throw. */
  readonly onDeadline?: (delivery: Delivery, atMs: number) => void
}

/** `retry: false` gives the message up, with the reason. */
export type RetryDecision = { readonly retry: true } | { readonly retry: false; readonly reason: string }

export interface Handler {
  readonly type: string
  /** True when running twice is the same as running once: a redelivered message then needs no look-up. */
  readonly idempotent: boolean
  /** How its failures are tried again; the tenant's configuration may say otherwise. */
  readonly retry?: RetryPolicyPatch
  /** The third party it depends on: failures in a row open a circuit for it, per tenant. undefined: no circuit. */
  readonly destination?: string
  /** Asked before a failed message is tried again. Never throws and never rejects. */
  readonly shouldRetry?: (failed: FailedMessage, context: RunContext) => Promise<RetryDecision>
  /** Never throws and never rejects: every failure is an outcome. Synchronous when it can be. */
  run(delivery: Delivery, context: RunContext): Outcome | Promise<Outcome>
}

export interface Handlers {
  /** The handler of a message type; the default one for types nobody has defined. */
  find(type: string): Handler
}
