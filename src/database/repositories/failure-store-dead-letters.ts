/** Stores what the broker has put aside. */

import { isDeepStrictEqual } from 'node:util'
import { v7 as uuidv7 } from 'uuid'
import { AppError } from '../../core/errors.ts'
import { type Failure, toErrorText, toStorable } from '../../core/failure.ts'
import type { MessageId } from '../../core/ids.ts'
import type { DeadLetter, DeadLetterReason } from '../../core/ports/broker.ts'
import type { MessageRecord } from '../../core/ports/message-store.ts'
import type { Statements } from '../client.ts'
import { toFingerprint } from '../failure-fingerprint.ts'
import { recordMessages } from '../record-messages.ts'

const errorClasses: Readonly<Record<DeadLetterReason, string>> = {
  undecodable: 'Undecodable',
  delivery_limit: 'DeliveryLimit',
  expired: 'Expired',
  unknown: 'DeadLettered',
}

const reasons: Readonly<Record<DeadLetterReason, string>> = {
  undecodable: 'the delivery could not be read',
  delivery_limit: 'it was delivered too often without an outcome',
  expired: 'it expired in the queue',
  unknown: 'the broker has put it aside',
}

/** The next attempt must be a number that the column holds, too. */
const maxAttempt = 2_147_483_646

// Nothing tells two such deliveries apart but their bytes: one that may have been stored before is looked for among those
// of the last week. A tenant that is gone gets none.
const insertWithoutMessage = `
insert into failed_messages (
  tenant_id, id, type, priority, key, body, status, attempts, first_attempt, retry_order, retry_count,
  error_class, error, fingerprint, reason, history, created_at, failed_at, updated_at, closed_at)
select t.id, $2::uuid, null, $3::smallint, $4::text, $5::bytea, 'permanently_failed', $6::integer, $6::integer + 1, 'oldest', 0,
       $7::text, $8::text, $9::text, $10::text, '[]', to_timestamp($11::bigint / 1000::float8), now(), now(), now()
from tenants t
where t.id = $1 and not ($12::boolean and exists (
  select from failed_messages f
  where f.tenant_id = t.id and f.status in ('pending', 'retried', 'permanently_failed') and f.fingerprint = $9
    and f.failed_at > now() - interval '7 days' and f.type is null and f.body = $5
))
on conflict do nothing`

const stored = `
select exists (select from failed_messages f where f.tenant_id = $1 and f.id = $2 and f.body = $3) as has_bytes,
       (select m.data::text from messages m where m.tenant_id = $1 and m.id = $2) as data`

/**
 * Stores the letter as permanently failed: one with a message's id and type as the ledger does, so that it changes nothing
 * when an outcome of that attempt is recorded already; any other in a row without a message, which nobody can publish. So is
 * one whose id belongs to something else, under a new id: no body is lost.
 *
 * Errors: AppError `database.unavailable`, `partition.missing`.
 */
export async function recordDeadLetter(client: Statements, received: DeadLetter): Promise<void> {
  const letter = { ...received, attempt: Math.min(received.attempt, maxAttempt) }
  const { id, type } = letter
  const errorClass = errorClasses[letter.reason]
  if (id !== undefined) {
    const failure = { errorClass, error: toErrorText(letter.detail) }
    if (type === undefined) await recordWithoutMessage(client, { ...letter, id, redelivered: false }, failure)
    else await recordWithMessage(client, toRecord(letter, id, type, failure))
    if (await isStored(client, letter, id)) return
  }
  const detail = id === undefined ? letter.detail : `${letter.detail}; its id ${id} is that of another message`
  await recordWithoutMessage(client, { ...letter, id: uuidv7() as MessageId }, { errorClass, error: toErrorText(detail) })
}

/** True when what the letter holds is in the row of that id: as its bytes, or as the data of its message. */
async function isStored(client: Statements, letter: DeadLetter, id: MessageId): Promise<boolean> {
  const [row] = await client.run(stored, [letter.tenantId, id, Buffer.from(letter.body)])
  if (row?.has_bytes === true) return true
  return letter.type !== undefined && typeof row?.data === 'string' && isDeepStrictEqual(readJson(letter.body), JSON.parse(row.data))
}

async function recordWithMessage(client: Statements, record: MessageRecord): Promise<void> {
  try {
    await recordMessages(client.run, [record])
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'database.refused_row')) throw error
    const storable = { type: toStorable(record.type), key: record.key === null ? null : toStorable(record.key), data: null }
    await recordMessages(client.run, [{ ...record, ...storable }])
  }
}

async function recordWithoutMessage(client: Statements, letter: DeadLetter & { id: MessageId }, failure: Failure): Promise<void> {
  await client.run(insertWithoutMessage, [
    letter.tenantId,
    letter.id,
    letter.priority,
    letter.key === null ? null : toStorable(letter.key),
    Buffer.from(letter.body),
    letter.attempt,
    failure.errorClass,
    failure.error,
    toFingerprint(null, failure),
    reasons[letter.reason],
    Math.round(letter.createdAtMs),
    letter.redelivered,
  ])
}

const toRecord = (letter: DeadLetter, id: MessageId, type: string, failure: Failure): MessageRecord => ({
  tenantId: letter.tenantId,
  id,
  type,
  data: readText(letter.body),
  priority: letter.priority,
  key: letter.key,
  attempt: letter.attempt,
  createdAtMs: letter.createdAtMs,
  settlement: { kind: 'failed', failure, reason: reasons[letter.reason], history: [] },
  trace: letter.trace,
  body: () => letter.body,
})

/** null for bytes that are no UTF-8. */
function readText(body: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return null
  }
}

/** undefined for bytes that are no JSON: no data is. */
function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(readText(body) ?? '')
  } catch {
    return undefined
  }
}
