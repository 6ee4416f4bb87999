/** Keeps the flight records of actors that crash or are quarantined: not all of a crowd, and also when the database is away then. */
import { type BackoffPolicy, computeBackoffMs } from '../../core/backoff.ts'
import { AppError, toError } from '../../core/errors.ts'
import type { FlightRecordStore } from '../../core/ports/flight-record-store.ts'
import type { FlightDump } from '../../core/ports/inspection.ts'
import type { Logger } from '../../core/ports/logger.ts'
import { redactText } from '../../core/redact.ts'
import { within } from '../../core/within.ts'
import { createIncidentLimit } from './incident-limit.ts'

export type Incident = FlightDump & { readonly reason: string }

export interface Incidents {
  /** Called in the actors' turn: neither waits nor throws. */
  note(incident: Incident): void
  /** Waits so long at most for what is being kept, then gives up the rest. Tolerates twice. */
  close(limitMs?: number): Promise<void>
}

export interface IncidentsOptions {
  readonly store: Pick<FlightRecordStore, 'add'>
  readonly log: Pick<Logger, 'warn'>
  readonly nowMs?: () => number
  /** For writes that have failed. */
  readonly backoff?: BackoffPolicy
}

const maxWaiting = 100
const defaultBackoff: BackoffPolicy = { baseMs: 500, factor: 2, capMs: 30_000 }
const tellLeftOutMs = 60_000

/**
 * Of one actor one record in 10 s is kept, of one tenant's actors 10 and of the node's 60 in a minute; the others are counted, and
 * the count is logged. While the database is away 100 wait, the oldest go first.
 */
export function createIncidents({ store, log, nowMs = Date.now, backoff = defaultBackoff }: IncidentsOptions): Incidents {
  const limit = createIncidentLimit(nowMs)
  const waiting: Incident[] = []
  let leftOut = 0
  let telling: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let isClosed = false
  let wake = (): void => {}

  function leaveOut(): void {
    leftOut += 1
    telling ??= setTimeout(tellLeftOut, tellLeftOutMs).unref()
  }

  function tellLeftOut(): void {
    clearTimeout(telling)
    telling = undefined
    if (leftOut > 0) log.warn('flight records were left out: there were too many', { left_out: leftOut })
    leftOut = 0
  }

  async function writeAll(): Promise<void> {
    // Not in the turn of the actor that has crashed.
    await new Promise(setImmediate)
    for (let failures = 0; !isClosed && waiting[0] !== undefined; ) {
      const [incident] = waiting
      const isDone = await write(incident)
      // What has been pushed out meanwhile is not there any more.
      if (isDone && waiting[0] === incident) waiting.shift()
      failures = isDone ? 0 : failures + 1
      if (!isDone) await pause(computeBackoffMs(failures, backoff))
    }
    writing = undefined
  }

  /** False when it should be tried again. */
  async function write(incident: Incident): Promise<boolean> {
    const { actorId, tenantId, reason } = incident
    try {
      const id = await store.add(incident)
      const facts = { flight_record_id: id, actor_id: actorId, tenant_id: tenantId, reason: redactText(reason) }
      if (id !== undefined) log.warn('an actor’s flight record was kept', facts)
      return true
    } catch (error) {
      if (error instanceof AppError && error.retryable) return false
      log.warn('an actor’s flight record could not be kept', { actor_id: actorId, tenant_id: tenantId, error: toError(error) })
      return true
    }
  }

  function pause(ms: number): Promise<void> {
    if (isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref()
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  return {
    note(incident) {
      if (isClosed) return
      if (!limit.admits(incident)) return leaveOut()
      waiting.push(incident)
      if (waiting.length > maxWaiting) {
        waiting.shift()
        leaveOut()
      }
      writing ??= writeAll()
    },
    async close(limitMs = 0) {
      if (limitMs > 0 && writing !== undefined) await within(writing, limitMs, () => undefined)
      isClosed = true
      leftOut += waiting.length
      waiting.length = 0
      tellLeftOut()
      wake()
    },
  }
}
