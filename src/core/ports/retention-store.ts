/** The retention store port: removes what is old, a batch at a time, each found by an index. */
import type { TenantId } from '../ids.ts'

/** Errors: AppError `database.unavailable`. Each call removes at most `limit` rows and returns how many. */
export interface RetentionStore {
  /** Runs `work` while this node alone cleans; returns undefined at once when another node does. */
  whileAlone<T>(work: () => Promise<T>): Promise<T | undefined>
  /** Processed and failed messages older than the age; one that is being retried stays. */
  removeMessages(tenantId: TenantId, olderThanMs: number, limit: number): Promise<number>
  /** Failed messages that were closed longer ago than the age. */
  removeFailures(tenantId: TenantId, olderThanMs: number, limit: number): Promise<number>
  removeExpiredKeys(limit: number): Promise<number>
  /** Sessions that have expired, with the hashes of their refresh tokens. */
  removeExpiredSessions(limit: number): Promise<number>
  /** Entries of the audit log older than the age, of all tenants and of none. */
  removeAuditEntries(olderThanMs: number, limit: number): Promise<number>
}
