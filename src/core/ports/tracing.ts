/** The tracing port: what becomes of a message, as spans. Where it is undefined nobody traces, and nothing is computed for it. */
import type { Settlement } from '../failure.ts'
import type { MessageId, TenantId } from '../ids.ts'
import type { Delivery, OutboundMessage } from '../message.ts'
import type { TraceContext } from '../trace.ts'

/** Messages that somebody publishes together, for one tenant. */
export interface Publication {
  readonly tenantId: TenantId
  readonly count: number
  /** Where they are published from; a trace of its own begins when it is undefined. */
  readonly parent: TraceContext | undefined
}

export interface SendSpan {
  readonly traceId: string
  /** What each of the messages carries, as `formatTrace` writes it. */
  readonly trace: string
  /** `replayed`: an earlier request had published them. */
  end(ended: { readonly ids?: readonly MessageId[]; readonly replayed?: boolean; readonly error?: unknown }): void
}

/** One attempt of a message. */
export interface ProcessSpan {
  /** What its handler tells third parties, and publishes from. */
  readonly context: TraceContext
  /** What the message carries to its next attempt, which links to this one. */
  readonly trace: string
  /** Of a trace that is recorded; undefined for any other. */
  readonly recordedTraceId: string | undefined
  /** Whatever `work` sets off finds this span as the active one. */
  run<T>(work: () => T): T
  /** A run has failed, and another one follows at once, within this attempt. */
  runFailed(errorClass: string): void
  /** undefined: nobody waits for what it has come to, and the broker delivers again. */
  end(settlement: Settlement | undefined): void
}

export interface EndedBy {
  /** Without an error it went well. */
  end(error?: unknown): void
}

/**
 * Spans of one engine, by the messaging conventions of OpenTelemetry.
 *
 * Errors: none; a tracer never throws, and one whose spans nobody takes drops them.
 */
export interface Tracing {
  send(publication: Publication): SendSpan
  /** A message that was scheduled, or has failed, goes to its queue. undefined when its trace is not recorded. */
  resend(message: OutboundMessage): EndedBy | undefined
  process(delivery: Delivery): ProcessSpan
  /** One statement that records outcomes of attempts with these `trace`s. undefined when none of them is recorded. */
  settle(traces: readonly (string | undefined)[]): EndedBy | undefined
}
