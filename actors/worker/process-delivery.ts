/** The per-message path: take a delivery, run its handler, hand the outcome to the ledger, take the next. */
import { toError } from '../../src/core/errors.ts'
import type { Settlement } from '../../src/core/failure.ts'
import { isFreshId } from '../../src/core/ids.ts'
import type { Delivery } from '../../src/core/message.ts'
import type { Handlers } from '../../src/core/ports/handlers.ts'
import type { RecordedStatus } from '../../src/core/ports/message-store.ts'
import type { EngineMetrics } from '../../src/core/ports/metrics.ts'
import type { ProcessSpan, Tracing } from '../../src/core/ports/tracing.ts'
import type { GroupCommitter } from '../ledger/group-committer.ts'
import type { RecordedOutcomes } from '../ledger/recorded-outcomes.ts'
import type { Session } from '../tenant/session.ts'
import { type AttemptServices, runAttempt } from './attempt.ts'

export interface LoopControl {
  /** The worker whose loop it is. */
  readonly worker: number
  /** Set from outside: finish the delivery in hand and return. */
  finishing: boolean
}

export interface DeliveryLoopServices extends AttemptServices {
  readonly handlers: Handlers
  readonly ledger: Pick<GroupCommitter, 'record'>
  readonly recorded: RecordedOutcomes
  readonly metrics: Pick<EngineMetrics, 'handlerRan' | 'settled'>
  readonly tracing?: Pick<Tracing, 'process'> | undefined
  /** Messages of handlers with effects, from their claim until their outcome is recorded; one for the whole node. */
  readonly inHand: Set<string>
  /** The database did not answer a look-up. */
  readonly onDatabaseAway: (error: Error) => void
}

const lookUpRetryMs = 50

/**
 * Works until the mailbox gives nothing, or until it is asked to finish.
 *
 * The outcome is given to the ledger and not waited for. A synchronous outcome is not awaited either.
 */
export async function runDeliveryLoop(session: Session, control: LoopControl, services: DeliveryLoopServices): Promise<void> {
  const { signal } = session.abort
  const { onDeadline } = session
  let context = { config: session.config, signal, onDeadline }
  while (!control.finishing) {
    const delivery = session.take()
    if (!delivery) return
    const handler = services.handlers.find(delivery.type)
    if (!handler.idempotent) {
      const claimed = claim(session, delivery, services)
      if (!(claimed === true || (await claimed))) continue
    }
    if (context.config !== session.config) context = { config: session.config, signal, onDeadline }
    const span = services.tracing?.process(delivery)
    const settlement = runAttempt(handler, delivery, span === undefined ? context : { ...context, span }, services)
    const release = handler.idempotent ? undefined : () => services.inHand.delete(toKey(delivery))
    if (settlement instanceof Promise) await settleLater({ session, delivery, release, span }, settlement, services, control.worker)
    else settle({ session, delivery, release, span }, settlement, services)
  }
}

/** A delivery whose handler has been called. `release` ends its claim. */
interface Run {
  readonly session: Session
  readonly delivery: Delivery
  readonly release: (() => void) | undefined
  readonly span: ProcessSpan | undefined
}

const toKey = ({ tenantId, id }: Delivery): string => `${tenantId}/${id}`

/**
 * True when this run may have effects. A second delivery of a message whose first run has not been recorded yet (its
 * channel was lost in the middle, or it was published twice) waits for that; one whose outcome is recorded is settled by it.
 */
function claim(session: Session, delivery: Delivery, services: DeliveryLoopServices): true | Promise<boolean> {
  const key = toKey(delivery)
  if (services.inHand.has(key)) return putOff(session, delivery)
  services.inHand.add(key)
  const isSeenBefore = delivery.redelivered || delivery.attempt > 1 || !isFreshId(delivery.id, delivery.readyAtMs)
  if (!isSeenBefore) return true
  return mayRun(session, delivery, services).then((may) => {
    if (!may) services.inHand.delete(key)
    return may
  })
}

async function putOff(session: Session, delivery: Delivery): Promise<false> {
  await new Promise((resolve) => setTimeout(resolve, lookUpRetryMs))
  // The broker delivers what an ended session held to the next one.
  if (!session.ended) session.mailbox.put(delivery)
  return false
}

/** False when an earlier run's outcome is recorded (and now settled again), or nobody can tell: an effect runs once. */
async function mayRun(session: Session, delivery: Delivery, services: DeliveryLoopServices): Promise<boolean> {
  try {
    const recorded = await services.recorded.lookUp(delivery)
    if (!isAttemptRecorded(recorded, delivery)) return !session.ended && !session.abort.signal.aborted
    services.metrics.settled('duplicate')
    session.committed(delivery, Date.now())
    return false
  } catch (thrown) {
    // Reported first: that shuts the mailbox, and what is put back waits there.
    services.onDatabaseAway(toError(thrown))
    return putOff(session, delivery)
  }
}

/** A message that is being retried has been run up to the attempt that is recorded; any other row is the last word. */
const isAttemptRecorded = (recorded: RecordedStatus | undefined, { attempt }: Delivery): boolean =>
  recorded !== undefined && (recorded.status !== 'retrying' || recorded.attempts >= attempt)

async function settleLater(run: Run, running: Promise<Settlement>, services: DeliveryLoopServices, worker: number): Promise<void> {
  const { session, delivery, span } = run
  const startedAt = performance.now()
  session.runs(delivery, worker)
  try {
    settle(run, await running, services)
  } finally {
    session.ranOut(delivery)
    services.metrics.handlerRan((performance.now() - startedAt) / 1000, span?.recordedTraceId)
  }
}

function settle({ session, delivery, release, span }: Run, settlement: Settlement, services: DeliveryLoopServices): void {
  // After the drain deadline an outcome may be the abort's doing: the broker delivers again, and nothing is lost.
  if (session.abort.signal.aborted) {
    span?.end(undefined)
    release?.()
    return
  }
  span?.end(settlement)
  services.ledger.record({ session, delivery, settlement, onSettled: release, trace: span?.trace ?? delivery.trace })
}
