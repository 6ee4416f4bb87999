/** One attempt of a message: its handler's run, the runs that follow a failure at once, and what is decided of them. */
import { errorText } from '../../src/core/errors.ts'
import { type AttemptRecord, processed, type Settlement, toStorable } from '../../src/core/failure.ts'
import type { Delivery } from '../../src/core/message.ts'
import type { Outcome, Reject, Retry } from '../../src/core/outcome.ts'
import type { Handler, RunContext } from '../../src/core/ports/handlers.ts'
import type { RetryOrder, RetryPolicy } from '../../src/core/retry-policy.ts'
import { decideSettlement, toAttemptRecord, toFailure } from '../../src/core/settlement.ts'
import type { Circuits } from './circuits.ts'

export interface AttemptServices {
  readonly circuits: Circuits
  /** The policy for a message type of a tenant with this configuration. */
  readonly policyFor: (config: RunContext['config'], handler: Handler, type: string) => RetryPolicy
}

/** Between runs of one attempt. */
const immediateRetryMs = 100
/** Messages that were put off come back spread over so long, not all at once. */
const putOffSpreadMs = 1_000

/** Synchronous when the handler is: its outcome is not awaited then. Never throws and never rejects. */
export function runAttempt(
  handler: Handler,
  delivery: Delivery,
  context: RunContext,
  services: AttemptServices,
): Settlement | Promise<Settlement> {
  const { destination } = handler
  const putOff = destination === undefined ? undefined : services.circuits.admit(delivery.tenantId, destination, Date.now())
  if (putOff) return toPutOff(delivery, String(destination), putOff, services.policyFor(context.config, handler, delivery.type).order)
  const startedAtMs = Date.now()
  const outcome = runHandler(handler, delivery, context)
  if (!(outcome instanceof Promise) && outcome.kind === 'ack') return succeed(handler, delivery, services)
  return finishAttempt({ handler, delivery, context, startedAtMs }, outcome, services)
}

interface Run {
  readonly handler: Handler
  readonly delivery: Delivery
  readonly context: RunContext
  readonly startedAtMs: number
}

async function finishAttempt(first: Run, running: Outcome | Promise<Outcome>, services: AttemptServices): Promise<Settlement> {
  const { handler, delivery, context } = first
  let { startedAtMs } = first
  let outcome = await running
  const runs: AttemptRecord[] = []
  if (outcome.kind === 'ack') return succeed(handler, delivery, services)
  const policy = services.policyFor(context.config, handler, delivery.type)
  while (outcome.kind === 'retry' && runs.length < policy.immediateRetries && outcome.afterMs === undefined && !context.signal.aborted) {
    const failure = toFailure(outcome)
    if (policy.nonRetryable.includes(failure.errorClass)) break
    runs.push(toAttemptRecord({ delivery, startedAtMs, durationMs: Date.now() - startedAtMs }, failure))
    context.span?.runFailed(failure.errorClass)
    await new Promise((resolve) => setTimeout(resolve, immediateRetryMs))
    // Given up meanwhile: what is decided now is not recorded.
    if (context.signal.aborted) break
    startedAtMs = Date.now()
    outcome = await runHandler(handler, delivery, context)
    if (outcome.kind === 'ack') return succeed(handler, delivery, services)
  }
  const endedAtMs = Date.now()
  if (handler.destination !== undefined) tellCircuit(handler.destination, delivery, outcome, endedAtMs, services)
  return decideSettlement({ delivery, outcome, startedAtMs, durationMs: endedAtMs - startedAtMs, runs }, policy)
}

/** A handler that gives a message up has mostly been told so by the destination; data that it never saw says nothing. */
function tellCircuit(
  destination: string,
  { tenantId }: Delivery,
  outcome: Retry | Reject,
  nowMs: number,
  { circuits }: AttemptServices,
): void {
  if (outcome.kind === 'retry') circuits.failed(tenantId, destination, nowMs, toFailure(outcome).error)
  else if (outcome.errorClass === undefined) circuits.succeeded(tenantId, destination)
  else circuits.undecided(tenantId, destination, nowMs)
}

function succeed(handler: Handler, delivery: Delivery, services: AttemptServices): Settlement {
  if (handler.destination !== undefined) services.circuits.succeeded(delivery.tenantId, handler.destination)
  return processed
}

// A handler that throws breaks its contract; that is the fault of its message alone, and no worker falls for it.
function runHandler(handler: Handler, delivery: Delivery, context: RunContext): Outcome | Promise<Outcome> {
  try {
    const outcome = handler.run(delivery, context)
    return outcome instanceof Promise ? outcome.catch(toCrashed) : outcome
  } catch (thrown) {
    return toCrashed(thrown)
  }
}

const toCrashed = (thrown: unknown): Outcome => ({
  kind: 'reject',
  reason: `the handler crashed: ${errorText(thrown)}`,
  errorClass: 'HandlerCrashed',
})

/** It has a number of its own, so that the broker may deliver it again; the policy does not count it. */
function toPutOff(delivery: Delivery, destination: string, circuit: { untilMs: number; reason: string }, order: RetryOrder): Settlement {
  const failure = { errorClass: 'CircuitOpen', error: toStorable(`the circuit of ${destination} is open: ${circuit.reason}`) }
  const startedAtMs = Date.now()
  return {
    kind: 'retrying',
    failure,
    dueAtMs: Math.round(circuit.untilMs + Math.random() * putOffSpreadMs),
    firstAttempt: delivery.firstAttempt + 1,
    order,
    history: [{ attempt: delivery.attempt, startedAtMs, durationMs: 0, outcome: 'deferred', ...failure }],
  }
}
