/** Whether this node can serve, and if not, which dependency is in the way. */
import type { Snapshot } from 'xstate'
import { AppError, errorText } from '../core/errors.ts'
import type { Readiness } from '../core/ports/engine-api.ts'
import type { Logger } from '../core/ports/logger.ts'
import { within } from '../core/within.ts'
import { eventually } from './convergence.ts'
import type { StatusBoard } from './status-board.ts'

export interface ReadinessServices {
  readonly database: () => Promise<void>
  readonly brokerLink: () => Snapshot<unknown> | undefined
  readonly board: StatusBoard
  readonly log: Pick<Logger, 'warn'>
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number
}

export interface ReadinessProbe {
  /**
   * Anybody may ask, as often as they like: details are fixed sentences and counts, which name no host and no user, and the database
   * is asked once a second at most. Why it does not answer is logged, once until it does.
   */
  read(): Promise<Readiness>
  /** Resolves when the broker is connected; rejects when it is not within the deadline, or the node drains before. */
  connected(deadlineMs: number): Promise<void>
  serving(): void
  draining(): void
}

const databaseDeadlineMs = 2_000
const databaseCheckMs = 1_000

interface Check {
  readonly ok: boolean
  readonly detail: string
}

export function createReadiness(services: ReadinessServices): ReadinessProbe {
  const { brokerLink, board, now = () => performance.now() } = services
  let phase: 'starting' | 'serving' | 'draining' = 'starting'
  // Restoring is what the start does; a tenant that attaches later does not make a serving node unready.
  let restored = false

  // Why the link is down is logged by the link.
  const link = (): Check & { readonly reason: string | null } => {
    const snapshot = brokerLink()
    if (!snapshot || !('value' in snapshot)) return { ok: false, detail: 'not started', reason: null }
    const { value } = snapshot
    const reason = 'context' in snapshot ? (snapshot.context as { reason: string | null }).reason : null
    if (typeof value === 'object' && value !== null && 'up' in value) {
      return { ok: true, detail: value.up === 'blocked' ? 'connected, but it takes no messages' : 'connected', reason }
    }
    return { ok: false, detail: reason === null ? 'connecting' : 'away; trying again', reason }
  }

  const databaseCheck = createDatabaseCheck({ ...services, now })

  const tenantsCheck = (): Check => {
    let total = 0
    let restoring = 0
    for (const [, { state }] of board.entries()) {
      total++
      if (state === 'provisioning' || state === 'attaching') restoring++
    }
    if (phase !== 'starting' && restoring === 0) restored = true
    return { ok: restored, detail: restored ? `${total} on this node` : `restoring ${restoring} of ${total}` }
  }

  return {
    async read() {
      const database = await databaseCheck()
      const { ok, detail } = link()
      const checks = {
        database,
        broker: { ok, detail },
        tenants: tenantsCheck(),
        node: { ok: phase === 'serving', detail: phase },
      }
      return { ready: Object.values(checks).every(({ ok }) => ok), checks }
    },
    async connected(deadlineMs) {
      await eventually(async () => link().ok || phase === 'draining', deadlineMs)
      if (link().ok) return
      throw new AppError('broker.unavailable', `the broker could not be reached: ${link().reason ?? link().detail}`, { retryable: true })
    },
    serving() {
      phase = 'serving'
    },
    draining() {
      phase = 'draining'
    },
  }
}

function createDatabaseCheck({
  database,
  log,
  now,
}: Pick<ReadinessServices, 'database' | 'log'> & { now: () => number }): () => Promise<Check> {
  let last: { readonly check: Promise<Check>; untilMs: number } | undefined
  let isAway = false

  const check = async (): Promise<Check> => {
    try {
      await within(database(), databaseDeadlineMs, noAnswer)
      isAway = false
      return { ok: true, detail: 'answers' }
    } catch (error) {
      if (!isAway) log.warn('the database does not answer; this node is not ready', { reason: errorText(error) })
      isAway = true
      return { ok: false, detail: 'does not answer' }
    }
  }

  return () => {
    if (last && now() < last.untilMs) return last.check
    const begun = { check: check(), untilMs: Number.POSITIVE_INFINITY }
    last = begun
    void begun.check.then(() => {
      begun.untilMs = now() + databaseCheckMs
    })
    return begun.check
  }
}

function noAnswer(): never {
  throw new Error(`no answer within ${databaseDeadlineMs} ms`)
}
