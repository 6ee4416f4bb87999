/** Bounds the work on passwords: each check costs memory and a thread that the whole process shares. */
import { AppError } from '../core/errors.ts'

export interface PasswordGate {
  /** True when nobody else may enter now: wait a second. */
  isFull(): boolean
  /** Runs `work` and counts it while it runs. */
  enter<T>(work: () => Promise<T>): Promise<T>
  /** Runs `work` when the tenant's earlier work is done, so that a tenant with many users to make occupies one thread. Errors: `auth.busy`. */
  inTurn<T>(tenantId: string, work: () => Promise<T>): Promise<T>
}

export interface PasswordGateOptions {
  /** How many may be inside. */
  readonly maxAtOnce: number
  /** How much work of one tenant may wait for its turn. */
  readonly maxWaiting: number
}

export function createPasswordGate({ maxAtOnce, maxWaiting }: PasswordGateOptions): PasswordGate {
  const lines = new Map<string, { length: number; last: Promise<unknown> }>()
  let inside = 0

  return {
    isFull: () => inside >= maxAtOnce,

    async enter(work) {
      inside++
      try {
        return await work()
      } finally {
        inside--
      }
    },

    async inTurn(tenantId, work) {
      const line = lines.get(tenantId) ?? { length: 0, last: Promise.resolve() }
      if (line.length >= maxWaiting) {
        throw new AppError('auth.busy', 'Many passwords of this tenant are being set; repeat in a second.', {
          retryable: true,
          scope: 'tenant',
        })
      }
      lines.set(tenantId, line)
      line.length++
      const mine = line.last.then(work)
      line.last = mine.catch(() => undefined)
      try {
        return await mine
      } finally {
        line.length--
        if (line.length === 0) lines.delete(tenantId)
      }
    },
  }
}
