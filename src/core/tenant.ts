/** A tenant as the database wants it (desired state) and as its actor is now (runtime). */
import type { TenantId } from './ids.ts'

/**
 * What an operator asked for.
 *
 * | status   | publishes | consumers                                              |
 * | active   | accepted  | run                                                    |
 * | paused   | accepted  | do not take; messages wait in the queue                |
 * | drained  | 409       | finish the queue, then stop; `resume` brings them back |
 * | deleting | 404       | finish the queue or not, then everything is removed    |
 */
export type TenantStatus = 'active' | 'paused' | 'drained' | 'deleting'

/** How a deletion treats the queue: finish it until the deadline, or drop it at once. */
export interface Deletion {
  readonly mode: 'drain' | 'discard'
  readonly deadlineAtMs: number
}

export const minWorkers = 1
export const maxWorkers = 50

/** The row: desired state, and what people call the tenant. */
export interface Tenant {
  readonly id: TenantId
  readonly name: string
  readonly description: string | null
  readonly status: TenantStatus
  readonly workers: number
  /** Handler settings, free-form JSON, and the engine's own parts: `retry`, `retention` (core/tenant-config.ts). */
  readonly config: Readonly<Record<string, unknown>>
  /** Rises by one with each change; the ETag. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** What the actors converge to. */
export interface DesiredTenant {
  readonly id: TenantId
  readonly status: TenantStatus
  readonly workers: number
  /** A restart request is a new number; actors act when it rises. */
  readonly restartGeneration: number
  /** Set when and only when the status is `deleting`. */
  readonly deletion: Deletion | null
  readonly config: Readonly<Record<string, unknown>>
  readonly version: number
}
