/** A FlightRecordStore that keeps its records in memory, the newest first. */
import { v7 as uuidv7 } from 'uuid'
import type { FlightRecordEntry, FlightRecordStore } from '../../src/core/ports/flight-record-store.ts'
import type { FlightDump } from '../../src/core/ports/inspection.ts'

export function createMemoryFlightRecords(): FlightRecordStore {
  const records: (FlightRecordEntry & { readonly dump: FlightDump })[] = []
  const micros = ({ recordedAt }: FlightRecordEntry): string => `${recordedAt.getTime()}000`
  return {
    async add(dump) {
      const { node, actorId, machine, tenantId, reason } = dump
      const recordedAt = new Date(1_700_000_000_000 + records.length)
      records.unshift({ id: uuidv7(), node, actorId, machine, tenantId, reason, recordedAt, dump })
    },
    async list({ tenantId, actorId, after, limit }) {
      const matching = records.filter((entry) => (!tenantId || entry.tenantId === tenantId) && (!actorId || entry.actorId === actorId))
      const start = after ? matching.findIndex(({ id }) => id === after.id) + 1 : 0
      const page = matching.slice(start, start + limit)
      const last = start + limit < matching.length ? page.at(-1) : undefined
      return { records: page, next: last && { recordedAtMicros: micros(last), id: last.id } }
    },
    find: async (id) => records.find((record) => record.id === id),
  }
}
