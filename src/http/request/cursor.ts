/** Cursors: a place in one list, opaque to clients. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { readMessageId, readTenantId } from '../../core/ids.ts'
import { invalid } from './refusal.ts'

/** A place in a list ordered by (created_at, id), newest first. */
export interface Position<Id extends string> {
  readonly createdAtMicros: string
  readonly id: Id
}

/** The list a cursor belongs to: another list's cursor is refused. */
export type ListScope = 'tenants' | 'messages' | `tenants/${string}/messages`

const version = 1
const content = z.tuple([z.literal(version), z.string().regex(/^\d{1,18}$/), z.string()])
const checkLength = 16

/** The cursor is text made of URL-safe characters. */
export function toCursor(scope: ListScope, position: Position<string> | undefined): string | null {
  if (!position) return null
  const text = JSON.stringify([version, position.createdAtMicros, position.id])
  return Buffer.concat([checkOf(scope, text), Buffer.from(text)]).toString('base64url')
}

/** Errors: Refusal naming `cursor` for a text that `toCursor` has not made for this list. */
export const parseTenantCursor = (scope: ListScope, cursor: string) => parseCursor(scope, cursor, readTenantId)
export const parseMessageCursor = (scope: ListScope, cursor: string) => parseCursor(scope, cursor, readMessageId)

function parseCursor<Id extends string>(scope: ListScope, cursor: string, readId: (text: string) => Id | undefined): Position<Id> {
  const bytes = Buffer.from(cursor, 'base64url')
  const text = bytes.toString('utf8', checkLength)
  // Base64url has several spellings of the same bytes; only ours is accepted.
  const isOurs = bytes.toString('base64url') === cursor && checkOf(scope, text).equals(bytes.subarray(0, checkLength))
  const parsed = isOurs ? content.safeParse(JSON.parse(text)) : undefined
  const id = parsed?.success ? readId(parsed.data[2]) : undefined
  if (!parsed?.success || id === undefined) throw invalid({ path: 'cursor', message: 'is not a cursor of this list' })
  return { createdAtMicros: parsed.data[1], id }
}

/**
 * Detects a cursor that was altered or belongs to another list. It is not a secret: a forged position would only start
 * the same list, under the same authorization, elsewhere.
 */
function checkOf(scope: ListScope, text: string): Buffer {
  return createHash('sha256').update(`tenantry cursor\n${scope}\n${text}`).digest().subarray(0, checkLength)
}
