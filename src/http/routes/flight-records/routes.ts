/** GET /flight-records and GET /flight-records/{rid}. */
import type { z } from 'zod'
import type { Principal } from '../../../auth/index.ts'
import { AppError } from '../../../core/errors.ts'
import { readTenantId, type TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { FlightRecordEntry, FlightRecordStore } from '../../../core/ports/flight-record-store.ts'
import { flightRecordCursors } from '../../request/cursor.ts'
import { parsePathUuid } from '../../request/path-id.ts'
import { Refusal } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type flightRecordEntry, flightRecordQuery, flightRecordsQuery } from '../../schemas/flight-record.ts'
import { conceal, eyesOf } from '../actors/conceal.ts'
import { isVisible } from '../actors/visible-actor.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'
import { findTenant } from '../tenants/find-tenant.ts'
import { replyDump } from './reply-dump.ts'

export function createFlightRecordRoutes(engine: EngineApi, guard: PayloadGuard, records: FlightRecordStore): readonly Route[] {
  return [
    /**
     * @openapi
     * /flight-records:
     *   get:
     *     operationId: listFlightRecords
     *     tags: [inspection]
     *     summary: What actors had been through when they crashed or were quarantined, newest first
     *     description: Of the caller's tenant; of the whole installation for an admin.
     *     parameters:
     *       - { $ref: '#/components/parameters/FlightRecords.limit' }
     *       - { $ref: '#/components/parameters/FlightRecords.cursor' }
     *       - { $ref: '#/components/parameters/FlightRecords.tenant_id' }
     *       - { $ref: '#/components/parameters/FlightRecords.actor_id' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/FlightRecordList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/flight-records',
      action: 'flight_record.list',
      query: flightRecordsQuery,
      async handle({ principal, query: { limit, cursor, tenant_id, actor_id } }) {
        const tenantId = toListedTenant(principal, tenant_id)
        const scope = tenantId ? (`tenants/${tenantId}/flight-records` as const) : 'flight-records'
        const after = cursor === undefined ? undefined : flightRecordCursors.parse(scope, cursor)
        const { records: found, next } = await records.list({ tenantId, actorId: actor_id, after, limit })
        // Only an empty page can be that of a tenant that does not exist.
        if (tenantId && found.length === 0) await findTenant(engine, tenantId)
        const owners = found.flatMap((entry) => entry.tenantId ?? [])
        const readable = await guard.readable(principal, owners)
        const data = found
          .filter((entry) => isVisible(principal, entry))
          .map((entry) => toEntryBody(entry, entry.tenantId === null || readable.has(entry.tenantId)))
        return { status: 200, body: { data, next_cursor: flightRecordCursors.write(scope, next) } }
      },
    }),

    /**
     * @openapi
     * /flight-records/{rid}:
     *   get:
     *     operationId: readFlightRecord
     *     tags: [inspection]
     *     summary: One flight record with its dump, or the dump alone as a file
     *     parameters:
     *       - { $ref: '#/components/parameters/FlightRecordId' }
     *       - { $ref: '#/components/parameters/FlightRecord.download' }
     *     responses:
     *       200:
     *         description: The record; with `download=1` its dump
     *         content:
     *           application/json:
     *             schema: { anyOf: [{ $ref: '#/components/schemas/FlightRecord' }, { $ref: '#/components/schemas/FlightDump' }] }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'get',
      path: '/flight-records/{rid}',
      action: 'flight_record.read',
      query: flightRecordQuery,
      async handle({ principal, params, query: { download } }) {
        const record = await records.find(parsePathUuid(params, 'rid'))
        if (!record || !isVisible(principal, record)) throw new Refusal('flight_record.missing', 'There is no such flight record.')
        const eyes = await eyesOf(guard, principal, record.tenantId)
        if (download === '1') return replyDump(record.dump, eyes)
        return { status: 200, body: { ...toEntryBody(record, eyes.texts), dump: conceal(record.dump, eyes) } }
      },
    }),
  ]
}

/** An admin's choice, or none; the own one of a tenant's user or key. Errors: AppError `tenant.missing`. */
function toListedTenant(principal: Principal, asked: string | undefined): TenantId | undefined {
  const tenantId = asked === undefined ? undefined : readTenantId(asked)
  if (principal.kind === 'admin') return tenantId
  if (tenantId !== undefined && tenantId !== principal.tenantId) throw new AppError('tenant.missing', 'another tenant’s flight records')
  return principal.tenantId
}

/** The reason of a crash is the text of an error, which may quote the data. */
const toEntryBody = (entry: FlightRecordEntry, isReadable: boolean): z.output<typeof flightRecordEntry> => ({
  id: entry.id,
  node: entry.node,
  actor_id: entry.actorId,
  machine: entry.machine,
  tenant_id: entry.tenantId,
  reason: isReadable ? entry.reason : null,
  ...(isReadable ? {} : { data_hidden: true }),
  recorded_at: entry.recordedAt.toISOString(),
})
