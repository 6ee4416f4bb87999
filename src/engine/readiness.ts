/** Whether this node can serve, and if not, which dependency is in the way. */
import type { Snapshot } from 'xstate'
import { AppError, errorText } from '../core/errors.ts'
import type { Readiness } from '../core/ports/engine-api.ts'
import { eventually } from './convergence.ts'
import type { StatusBoard } from './status-board.ts'

export interface ReadinessServices {
  readonly database: () => Promise<void>
  readonly brokerLink: () => Snapshot<unknown> | undefined
  readonly board: StatusBoard
}

export interface ReadinessProbe {
  read(): Promise<Readiness>
  /** Resolves when the broker is connected; rejects when it is not within the deadline. */
  connected(deadlineMs: number): Promise<void>
  timeout(deadlineMs: number): Promise<never>
  serving(): void
  draining(): void
}

const databaseDeadlineMs = 2_000

export function createReadiness({ database, brokerLink, board }: ReadinessServices): ReadinessProbe {
  let phase: 'starting' | 'serving' | 'draining' = 'starting'
  // Restoring is what the start does; a tenant that attaches later does not make a serving node unready.
  let restored = false

  const link = (): { ok: boolean; detail: string } => {
    const snapshot = brokerLink()
    if (!snapshot || !('value' in snapshot)) return { ok: false, detail: 'not started' }
    const { value } = snapshot
    const reason = 'context' in snapshot ? (snapshot.context as { reason: string | null }).reason : null
    if (typeof value === 'object' && value !== null && 'up' in value) {
      return value.up === 'blocked'
        ? { ok: true, detail: `connected, but it takes no messages: ${reason}` }
        : { ok: true, detail: 'connected' }
    }
    return { ok: false, detail: reason ?? 'connecting' }
  }

  const databaseCheck = async (): Promise<{ ok: boolean; detail: string }> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${databaseDeadlineMs} ms`)), databaseDeadlineMs)
    })
    try {
      await Promise.race([database(), late])
      return { ok: true, detail: 'answers' }
    } catch (error) {
      return { ok: false, detail: errorText(error) }
    } finally {
      clearTimeout(timer)
    }
  }

  const tenantsCheck = (): { ok: boolean; detail: string } => {
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
      const checks = {
        database: await databaseCheck(),
        broker: link(),
        tenants: tenantsCheck(),
        node: { ok: phase === 'serving', detail: phase },
      }
      return { ready: Object.values(checks).every(({ ok }) => ok), checks }
    },
    async connected(deadlineMs) {
      if (await eventually(async () => link().ok, deadlineMs)) return
      throw new AppError('broker.unavailable', `the broker could not be reached: ${link().detail}`, { retryable: true })
    },
    timeout(deadlineMs) {
      return new Promise((_, reject) => {
        setTimeout(
          () => reject(new AppError('database.unavailable', 'the desired state could not be read in time', { retryable: true })),
          deadlineMs + 1_000,
        ).unref()
      })
    },
    serving() {
      phase = 'serving'
    },
    draining() {
      phase = 'draining'
    },
  }
}
