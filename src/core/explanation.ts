/** The shapes of explanations, the words they share, and the calls they recommend. */
import { errorText } from './errors.ts'
import type { MessageId, TenantId } from './ids.ts'
import type { Explanation, Remedy } from './ports/inspection.ts'
import { redactText } from './redact.ts'
import { maxWorkers } from './tenant.ts'

/** Nothing is in the way. */
export const atRest = (
  sentence: string,
  { until = null, detail = null }: Partial<Pick<Explanation, 'until' | 'detail'>> = {},
): Explanation => ({ sentence, blockedBy: null, until, remedy: null, detail })

export const blocked = (
  blockedBy: string,
  sentence: string,
  { until = null, remedy = null, detail = null }: Partial<Pick<Explanation, 'until' | 'remedy' | 'detail'>> = {},
): Explanation => ({ sentence, blockedBy, until, remedy, detail })

/** null for a time that is past, or that no Date can be. */
export const future = (atMs: number, nowMs: number): Date | null => (atMs > nowMs && atMs <= 8.64e15 ? new Date(atMs) : null)

/** The same of a time that may not be known. */
export const toFuture = (atMs: number | null | undefined, nowMs: number): Date | null => (atMs == null ? null : future(atMs, nowMs))

/** The earlier of two times that may not be known. */
export const earlier = (a: Date | null, b: Date | null): Date | null => (a && b ? (a < b ? a : b) : (a ?? b))

/** `: why`, for the end of a sentence; nothing when nobody knows why. */
export const because = (reason: string | null): string => (reason === null || reason === '' ? '' : `: ${toClause(reason)}`)

/** An error's text: one line, and no secret we know the form of. */
export const toDetail = (reason: string | null | undefined): string | null => (reason ? redactText(errorText(reason)) : null)

// A clause has no full stop of its own.
const toClause = (reason: string): string => redactText(errorText(reason)).replace(/[.\s]+$/, '')

/** A sentence as a part of another: `…, because tenant x is paused`. */
export const asClause = (sentence: string): string =>
  (/^[A-Z][a-z]/.test(sentence) ? sentence.charAt(0).toLowerCase() + sentence.slice(1) : sentence).replace(/\.$/, '')

/** `1 message`, `3 messages`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

/** How long ago, in words: `0.4 s`, `12 s`, `5 min`, `3 h`. */
export const sinceText = (sinceMs: number, nowMs: number): string => lengthText(nowMs - sinceMs)

/** A length of time in words. Units: milliseconds. */
export function lengthText(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`
}

/** Calls that unblock. Paths are under the API's prefix; a test looks each of them up among its routes. */
export const remedies = {
  resume: (tenantId: TenantId): Remedy => ({
    method: 'POST',
    path: `/tenants/${tenantId}/resume`,
    description: 'Takes messages from the queue again.',
  }),
  restart: (tenantId: TenantId, description: string): Remedy => ({ method: 'POST', path: `/tenants/${tenantId}/restart`, description }),
  /** Twice as many workers, as far as a tenant may have them; null when it has as many already. */
  resize: (tenantId: TenantId, workers: number): Remedy | null =>
    workers >= maxWorkers
      ? null
      : {
          method: 'PUT',
          path: `/tenants/${tenantId}/config/concurrency`,
          body: { workers: Math.min(maxWorkers, Math.max(1, workers) * 2) },
          description: 'Gives the tenant more workers, which helps when its handlers wait rather than compute.',
        },
  retryAll: (tenantId: TenantId): Remedy => ({
    method: 'POST',
    path: `/tenants/${tenantId}/failed-messages/retry`,
    body: { status: 'pending' },
    description: 'Makes every message that waits for its next attempt due now.',
  }),
  retry: (tenantId: TenantId, id: MessageId): Remedy => ({
    method: 'POST',
    path: `/tenants/${tenantId}/failed-messages/${id}/retry`,
    description: 'Tries the message again now.',
  }),
} as const
