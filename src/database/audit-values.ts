/** Makes an audit entry one that the database will not refuse: it must not be lost for a character in it. */
import { toStorable } from '../core/failure.ts'
import type { AuditEntry } from '../core/ports/audit-store.ts'

/** Stands for a value that is not JSON, or is nested so deeply that it cannot be read as such. */
const unreadable = '[not JSON]'

/**
 * The entry with NUL and lone surrogates replaced, its texts capped at 2,000 characters; `before` and `after` as JSON reads
 * them back, or `[not JSON]`.
 *
 * Errors: none; total.
 */
export function toStorableEntry(entry: AuditEntry): AuditEntry {
  const { kind, id, name } = entry.doer
  return {
    tenantId: entry.tenantId,
    doer: { kind, id: toText(id), name: toText(name) },
    action: toStorable(entry.action),
    resource: toText(entry.resource),
    address: toStorable(entry.address),
    requestId: toStorable(entry.requestId),
    before: toJson(entry.before),
    after: toJson(entry.after),
  }
}

const toText = (text: string | null): string | null => (text === null ? null : toStorable(text))

function toJson(value: unknown): unknown {
  try {
    const text = JSON.stringify(value ?? null)
    return JSON.parse(text, (_key, part: unknown) => cleanPart(part))
  } catch {
    return unreadable
  }
}

function cleanPart(part: unknown): unknown {
  if (typeof part === 'string') return clean(part)
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
  const entries = Object.entries(part)
  return entries.every(([key]) => clean(key) === key) ? part : Object.fromEntries(entries.map(([key, inner]) => [clean(key), inner]))
}

const clean = (text: string): string => text.replaceAll('\u0000', '\uFFFD').toWellFormed()
