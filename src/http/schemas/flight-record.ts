/** Parameters and answers of the routes about flight records. */
import { z } from 'zod'
import { dataHidden, listOf, listParameters, tenantIdText } from './common.ts'
import { actorKind, maxNameLength } from './inspection.ts'

export const flightRecordsQuery = z.strictObject({
  ...listParameters,
  tenant_id: tenantIdText.optional(),
  actor_id: z.string().min(1).max(maxNameLength).optional(),
})

export const flightRecordQuery = z.strictObject({
  download: z.enum(['0', '1']).default('0').describe('With 1 the dump alone, as a file for `npm run replay`.'),
})

const snapshot = z.strictObject({
  value: z.unknown(),
  context: z.unknown(),
  status: z.string(),
  children: z.array(z.strictObject({ id: z.string(), src: z.string() })),
})

/** A file: its names are those of the format, wherever it is found. */
export const flightDump = z.strictObject({
  format: z.literal('tenantry.flight-record'),
  version: z.literal(1),
  node: z.string(),
  actorId: z.string(),
  machine: actorKind,
  tenantId: z.uuid().nullable(),
  reason: z.string().nullable(),
  recordedAt: z.string(),
  base: snapshot.describe('Before the first entry.'),
  entries: z.array(z.strictObject({ at: z.string(), event: z.unknown(), state: z.string() })),
  last: snapshot.describe('After the last entry.'),
  crash: z.strictObject({ event: z.unknown(), error: z.string() }).nullable(),
})

export const flightRecordEntry = z.strictObject({
  id: z.uuid(),
  node: z.string(),
  actor_id: z.string(),
  machine: actorKind,
  tenant_id: z.uuid().nullable().describe('null for the actors of the platform.'),
  reason: z.string().nullable().describe('Why it was written; null when it is hidden.'),
  data_hidden: dataHidden,
  recorded_at: z.iso.datetime(),
})

export const flightRecordList = listOf(flightRecordEntry)

export const flightRecord = z.strictObject({ ...flightRecordEntry.shape, dump: flightDump })
