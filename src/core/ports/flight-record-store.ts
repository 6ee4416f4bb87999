/** The store of flight records: what actors had been through when they crashed or were quarantined. */
import type { TenantId } from '../ids.ts'
import type { ActorKind, FlightDump } from './inspection.ts'

export interface FlightRecordEntry {
  readonly id: string
  readonly node: string
  readonly actorId: string
  readonly machine: ActorKind
  readonly tenantId: TenantId | null
  readonly reason: string
  readonly recordedAt: Date
}

export interface FlightRecordQuery {
  /** undefined: of every tenant and of the platform's actors. */
  readonly tenantId?: TenantId | undefined
  readonly actorId?: string | undefined
  readonly after?: { readonly recordedAtMicros: string; readonly id: string } | undefined
  readonly limit: number
}

export interface FlightRecordPage {
  readonly records: readonly FlightRecordEntry[]
  readonly next: { readonly recordedAtMicros: string; readonly id: string } | undefined
}

/** Errors: AppError `database.unavailable`. */
export interface FlightRecordStore {
  /**
   * Keeps it, and the newest 1,000 records of the installation, of one tenant the newest 100. Resolves with its id; with undefined
   * when its tenant has been removed: then nothing is kept.
   */
  add(dump: FlightDump & { readonly reason: string }): Promise<string | undefined>
  /** Newest first. */
  list(query: FlightRecordQuery): Promise<FlightRecordPage>
  /** `id` is a UUID. */
  find(id: string): Promise<(FlightRecordEntry & { readonly dump: FlightDump }) | undefined>
}
