/** The circuit of one destination: closed until it has failed too often in a row, then open, then half open for one probe. */

export interface CircuitPolicy {
  /** Failures in a row that open it. */
  readonly failures: number
  /** The first wait before a probe; it doubles with each probe that fails, up to `capMs`. */
  readonly openMs: number
  readonly capMs: number
}

export type Circuit =
  | { readonly state: 'closed'; readonly failures: number }
  | { readonly state: 'open'; readonly openings: number; readonly untilMs: number; readonly reason: string }
  /** One message is on its way; another probe goes when it has not been heard of by `untilMs`. */
  | { readonly state: 'half_open'; readonly openings: number; readonly untilMs: number; readonly reason: string }

export const closedCircuit: Circuit = { state: 'closed', failures: 0 }

/**
 * May a message go now? An open circuit whose wait is over lets one through, as its probe; others ask again soon, since the
 * probe may be back at any time.
 *
 * Shape: `next` is the circuit from now on; `putOffUntilMs` is set when the message may not go.
 */
export function admitToCircuit(
  circuit: Circuit,
  nowMs: number,
  limits: { readonly openMs: number; readonly probeLimitMs: number },
): { readonly next: Circuit; readonly putOffUntilMs?: number } {
  if (circuit.state === 'closed') return { next: circuit }
  if (nowMs >= circuit.untilMs) return { next: { ...circuit, state: 'half_open', untilMs: nowMs + limits.probeLimitMs } }
  const waitMs = circuit.state === 'open' ? circuit.untilMs - nowMs : Math.min(circuit.untilMs - nowMs, limits.openMs)
  return { next: circuit, putOffUntilMs: nowMs + waitMs }
}

/** A message for the destination has succeeded. */
export const noteSuccess = (circuit: Circuit): Circuit => (circuit.state === 'closed' && circuit.failures === 0 ? circuit : closedCircuit)

/** A probe has come back without having asked the destination: another one may go. */
export const noteUndecided = (circuit: Circuit, nowMs: number): Circuit =>
  circuit.state === 'half_open' ? { ...circuit, untilMs: nowMs } : circuit

/** A message for the destination has failed. What was on its way while the circuit opened changes nothing any more. */
export function noteFailure(circuit: Circuit, policy: CircuitPolicy, nowMs: number, reason: string): Circuit {
  if (circuit.state === 'open') return circuit
  if (circuit.state === 'closed' && circuit.failures + 1 < policy.failures) return { state: 'closed', failures: circuit.failures + 1 }
  const openings = circuit.state === 'closed' ? 0 : circuit.openings + 1
  return { state: 'open', openings, untilMs: nowMs + Math.min(policy.capMs, policy.openMs * 2 ** Math.min(openings, 30)), reason }
}
