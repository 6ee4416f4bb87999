/** A message of a request as the engine wants it. */
import type { z } from 'zod'
import { readMessageId } from '../../../core/ids.ts'
import type { MessageDraft } from '../../../core/ports/engine-api.ts'
import { Refusal } from '../../request/refusal.ts'
import type { messageDraft } from '../../schemas/message.ts'

type Draft = z.output<typeof messageDraft>

/** Errors: Refusal `request.unprocessable` naming `scheduled_at` when it lies after `nowMs`. */
export function toMessageDraft(draft: Draft, nowMs: number, path = ''): MessageDraft {
  if (draft.scheduled_at !== undefined) refuseFuture(draft.scheduled_at, nowMs, path)
  return {
    id: draft.id === undefined ? undefined : readMessageId(draft.id),
    type: draft.type,
    data: draft.data,
    priority: draft.priority,
    key: draft.key ?? null,
  }
}

export const toMessageDrafts = (drafts: readonly Draft[], nowMs: number): readonly MessageDraft[] =>
  drafts.map((draft, index) => toMessageDraft(draft, nowMs, `messages[${index}].`))

function refuseFuture(scheduledAt: string, nowMs: number, path: string): void {
  if (Date.parse(scheduledAt) <= nowMs) return
  const fault = { path: `${path}scheduled_at`, message: 'lies in the future; messages cannot be scheduled' }
  throw new Refusal('request.unprocessable', `${fault.path}: ${fault.message}`, { faults: [fault] })
}
