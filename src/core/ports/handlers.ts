/** The handlers port: what a worker runs for a delivery. */
import type { Delivery } from '../message.ts'
import type { Outcome } from '../outcome.ts'

export interface RunContext {
  /** Handler settings of the tenant (`PUT /tenants/{id}/config`). */
  readonly config: Readonly<Record<string, unknown>>
  /** Aborted when the node gives up waiting for the handler: at its drain deadline. */
  readonly signal: AbortSignal
}

export interface Handler {
  readonly type: string
  /** True when running twice is the same as running once: a redelivered message then needs no look-up. */
  readonly idempotent: boolean
  /** Never throws and never rejects: every failure is an outcome. Synchronous when it can be. */
  run(delivery: Delivery, context: RunContext): Outcome | Promise<Outcome>
}

export interface Handlers {
  /** The handler of a message type; the default one for types nobody has defined. */
  find(type: string): Handler
}
