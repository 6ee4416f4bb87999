/** Cursors: a place in one list, opaque to clients. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { readMessageId, readTenantId, type TenantId } from '../../core/ids.ts'
import type { ActorPosition } from '../../core/ports/inspection.ts'
import { readUuid } from './path-id.ts'
import { invalid } from './refusal.ts'

/** The list a cursor belongs to: another list's cursor is refused. */
export type ListScope = PlatformList | `tenants/${TenantId}/${TenantList}`

type PlatformList = 'tenants' | 'messages' | 'audit' | 'erasures' | 'actors' | 'flight-records' | 'sessions' | 'machines'
type TenantList =
  | 'messages'
  | 'scheduled'
  | 'failed'
  | 'users'
  | 'invitations'
  | 'api-keys'
  | 'secrets'
  | 'audit'
  | 'actors'
  | 'flight-records'

/** A place in a list ordered by a time, in epoch microseconds as text, and an id. */
type Position<Time extends string, Id extends string> = { readonly [Key in Time]: string } & { readonly id: Id }

const version = 1
const content = z.tuple([z.literal(version), z.string().regex(/^\d{1,18}$/), z.string()])
const checkLength = 16

export const tenantCursors = createCursors('createdAtMicros', readTenantId)
export const messageCursors = createCursors('createdAtMicros', readMessageId)
export const scheduledCursors = createCursors('scheduledAtMicros', readMessageId)
export const failedCursors = createCursors('createdAtMicros', readMessageId)
/** Of users, invitations, API keys and audit entries. */
export const identityCursors = createCursors<'createdAtMicros', string>('createdAtMicros', readUuid)
/** Of deleted tenants. */
export const erasureCursors = createCursors('createdAtMicros', readTenantId)
export const flightRecordCursors = createCursors<'recordedAtMicros', string>('recordedAtMicros', readUuid)

const actorContent = z.tuple([z.literal(version), z.string().max(600), z.string().max(300)])

/** Of the actors' tree, which is ordered by place. */
export const actorCursors = {
  write: (scope: ListScope, position: ActorPosition | undefined): string | null =>
    position ? seal(scope, JSON.stringify([version, position.path, position.node])) : null,

  /** Errors: Refusal naming `cursor` for a text that `write` has not made for this list. */
  parse(scope: ListScope, cursor: string): ActorPosition {
    const parsed = actorContent.safeParse(unseal(scope, cursor))
    if (!parsed.success) throw notOfThisList()
    const [, path, node] = parsed.data
    return { path, node }
  },
}

const keyContent = z.tuple([z.literal(version), z.string().max(200)])

/** Of lists that are read whole, and ordered by a text. */
export const keyCursors = {
  write: (scope: ListScope, key: string | undefined): string | null =>
    key === undefined ? null : seal(scope, JSON.stringify([version, key])),

  /** Errors: Refusal naming `cursor` for a text that `write` has not made for this list. */
  parse(scope: ListScope, cursor: string): string {
    const parsed = keyContent.safeParse(unseal(scope, cursor))
    if (!parsed.success) throw notOfThisList()
    return parsed.data[1]
  },
}

function createCursors<const Time extends string, Id extends string>(time: Time, readId: (text: string) => Id | undefined) {
  return {
    /** The cursor is text made of URL-safe characters; null without a position. */
    write(scope: ListScope, position: Position<Time, Id> | undefined): string | null {
      return position ? seal(scope, JSON.stringify([version, position[time], position.id])) : null
    },

    /** Errors: Refusal naming `cursor` for a text that `write` has not made for this list. */
    parse(scope: ListScope, cursor: string): Position<Time, Id> {
      const parsed = content.safeParse(unseal(scope, cursor))
      const id = parsed.success ? readId(parsed.data[2]) : undefined
      if (!parsed.success || id === undefined) throw notOfThisList()
      return { [time]: parsed.data[1], id } as Position<Time, Id>
    },
  }
}

const notOfThisList = () => invalid({ path: 'cursor', message: 'is not a cursor of this list' })

const seal = (scope: ListScope, text: string): string => Buffer.concat([checkOf(scope, text), Buffer.from(text)]).toString('base64url')

/** What was sealed for this list; undefined for any other text. */
function unseal(scope: ListScope, cursor: string): unknown {
  const bytes = Buffer.from(cursor, 'base64url')
  const text = bytes.toString('utf8', checkLength)
  // Base64url has several spellings of the same bytes; only ours is accepted.
  const isOurs = bytes.toString('base64url') === cursor && checkOf(scope, text).equals(bytes.subarray(0, checkLength))
  return isOurs ? readJson(text) : undefined
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Detects a cursor that was altered or belongs to another list. It is not a secret: a forged position would only start
 * the same list, under the same authorization, elsewhere.
 */
function checkOf(scope: ListScope, text: string): Buffer {
  return createHash('sha256').update(`tenantry cursor\n${scope}\n${text}`).digest().subarray(0, checkLength)
}
