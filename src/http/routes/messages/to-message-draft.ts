/** A message of a request as the engine wants it. */
import type { z } from 'zod'
import { readMessageId } from '../../../core/ids.ts'
import type { MessageDraft } from '../../../core/ports/engine-api.ts'
import { unprocessable } from '../../request/refusal.ts'
import type { messageDraft } from '../../schemas/message.ts'

type Draft = z.output<typeof messageDraft>

/** A time that has passed is none. Errors: Refusal `request.unprocessable` naming `scheduled_at` when it lies too far ahead of `nowMs`. */
export function toMessageDraft(draft: Draft, nowMs: number, path = ''): MessageDraft {
  return {
    id: draft.id === undefined ? undefined : readMessageId(draft.id),
    type: draft.type,
    data: draft.data,
    priority: draft.priority,
    key: draft.key ?? null,
    scheduledAt: draft.scheduled_at === undefined ? undefined : toSchedule(draft.scheduled_at, nowMs, path),
  }
}

export const toMessageDrafts = (drafts: readonly Draft[], nowMs: number): readonly MessageDraft[] =>
  drafts.map((draft, index) => toMessageDraft(draft, nowMs, `messages[${index}].`))

function toSchedule(text: string, nowMs: number, path: string): Date | undefined {
  const atMs = Date.parse(text)
  if (atMs > toNextYearMs(nowMs)) throw unprocessable({ path: `${path}scheduled_at`, message: 'lies more than a year ahead' })
  return atMs > nowMs ? new Date(atMs) : undefined
}

function toNextYearMs(nowMs: number): number {
  const now = new Date(nowMs)
  return now.setUTCFullYear(now.getUTCFullYear() + 1)
}
