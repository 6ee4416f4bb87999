/** Notes for the audit log about changes that are stored and not finished. */
import { hasStoredChange } from '../../core/stored-change.ts'
import { type AuditNote, NotedFailure } from '../audit-note.ts'

/** What `work` gives. A change that is stored is noted, also when what follows it fails: the tenant is slow, or the database went away. */
export async function noteUnfinished<T>(note: AuditNote, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw hasStoredChange(error) ? new NotedFailure(error, note) : error
  }
}
