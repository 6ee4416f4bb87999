/** Reads what came as JSON, from another node or out of a file: nothing is believed that has another shape. Nothing here throws. */
import { readTenantId, type TenantId } from '../../core/ids.ts'
import { type ActorKind, actorKinds } from '../../core/ports/inspection.ts'

export type Fields = Readonly<Record<string, unknown>>

export const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** Of what is no record, none. */
export const toFields = (value: unknown): Fields => (isRecord(value) ? value : {})

export const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string'
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
export const isAmount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0
/** In epoch milliseconds, as far as a Date goes. */
export const isTime = (value: unknown): value is number => isAmount(value) && value <= 8.64e15

const kinds: ReadonlySet<unknown> = new Set(actorKinds)
export const isActorKind = (value: unknown): value is ActorKind => kinds.has(value)

export const readText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
export const readKind = (value: unknown): ActorKind | undefined => (isActorKind(value) ? value : undefined)
export const readTenant = (value: unknown): TenantId | undefined => (typeof value === 'string' ? readTenantId(value) : undefined)

/** From ISO 8601, as JSON has it. */
export function readDate(value: unknown): Date | undefined {
  const date = new Date(typeof value === 'string' ? value : Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/** null for null. */
export const orNull = <T>(value: unknown, read: (value: unknown) => T | undefined): T | null | undefined =>
  value === null ? null : read(value)

/** All of a list, or undefined. */
export function readAll<T>(value: unknown, read: (item: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined
  const items: T[] = []
  for (const item of value) {
    const known = read(item)
    if (known === undefined) return undefined
    items.push(known)
  }
  return items
}
