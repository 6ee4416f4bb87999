/** The conditions of a request as the engine wants them. */
import type { FailedStatus } from '../../../core/failure.ts'
import { type MessageId, readMessageId } from '../../../core/ids.ts'
import type { FailedFilter } from '../../../core/ports/failure-store.ts'

interface Conditions {
  readonly ids?: readonly string[] | undefined
  readonly type?: string | undefined
  readonly error?: string | undefined
  readonly fingerprint?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
}

/** Shape: `ids` have passed their schema. */
export function toFilter({ ids, type, error, fingerprint, since, until }: Conditions, statuses?: readonly FailedStatus[]): FailedFilter {
  return {
    ...(ids ? { ids: ids.map((id) => readMessageId(id) as MessageId) } : {}),
    ...(statuses ? { statuses } : {}),
    ...(type ? { type } : {}),
    ...(error ? { error } : {}),
    ...(fingerprint ? { fingerprint } : {}),
    ...(since ? { since: new Date(since) } : {}),
    ...(until ? { until: new Date(until) } : {}),
  }
}
