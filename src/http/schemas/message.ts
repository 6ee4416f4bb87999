/** Bodies and parameters of the message routes. */
import { z } from 'zod'
import { attemptSchema } from './attempt.ts'
import { comparedTime, count, dataHidden, listOf, listParameters, messageIdText, tenantIdText, timestamp } from './common.ts'

/** The broker carries a type in at most 255 bytes. */
const maxTypeBytes = 255
const messageType = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'must consist of printable characters')
  .refine((text) => text.length <= maxTypeBytes / 3 || Buffer.byteLength(text) <= maxTypeBytes, `must fit in ${maxTypeBytes} bytes`)

export const messageDraft = z
  .strictObject({
    id: messageIdText.optional().describe('Publishing the same id again stores one message.'),
    type: messageType,
    data: z.unknown().refine((data) => data !== undefined, 'is required'),
    priority: z.literal([0, 1, 2]).default(0),
    key: z.string().min(1).max(200).nullish(),
    scheduled_at: timestamp.optional().describe('When it goes into the queue: at most a year ahead; at once when it has passed.'),
  })
  .meta({ examples: [{ type: 'email', data: { to: 'user@example.com', subject: 'Welcome!' }, priority: 1 }] })

export const messageDrafts = z.array(messageDraft).max(1000).superRefine(refuseTwins)

export const messageBatch = z.strictObject({ messages: messageDrafts.min(1) })

/** `id` twice in one batch cannot mean two messages. */
function refuseTwins(drafts: readonly { readonly id?: string | undefined }[], context: z.RefinementCtx): void {
  const seen = new Set<string>()
  for (const [index, { id }] of drafts.entries()) {
    const lower = id?.toLowerCase()
    if (lower === undefined) continue
    if (seen.has(lower)) context.addIssue({ code: 'custom', path: [index, 'id'], message: 'is the id of an earlier message of the batch' })
    seen.add(lower)
  }
}

const messageStatus = z.enum(['scheduled', 'processed', 'retrying', 'failed'])

export const tenantMessagesQuery = z.strictObject({
  ...listParameters,
  type: z.string().min(1).max(200).optional(),
  status: messageStatus.optional().describe('With `scheduled` the messages that wait for their time, soonest first.'),
  since: comparedTime.optional().describe('Created at this time or later; scheduled ones: due at this time or later.'),
  until: comparedTime.optional().describe('Created before this time; scheduled ones: due before this time.'),
})

export const messagesQuery = z.strictObject({
  ...tenantMessagesQuery.shape,
  tenant_id: tenantIdText.optional().describe('An admin needs it for `status=scheduled`.'),
})

export const messageSchema = z.strictObject({
  id: z.uuid(),
  tenant_id: z.uuid(),
  type: z.string(),
  data: z.unknown().describe('null when it is hidden.'),
  data_hidden: dataHidden,
  priority: z.literal([0, 1, 2]),
  key: z.string().nullable(),
  status: messageStatus,
  attempts: count,
  error: z.string().nullable().describe('Of the last attempt; null when it has not failed, or when it is hidden.'),
  scheduled_at: z.iso.datetime().nullable().describe('When it goes into the queue; null once it is there.'),
  created_at: z.iso.datetime(),
  processed_at: z.iso.datetime().nullable(),
})

export const messageList = listOf(messageSchema)

export const messageDetail = z.strictObject({
  ...messageSchema.shape,
  history: z.array(attemptSchema).describe('The attempts that failed, oldest first.'),
})

export const publishAnswer = z.strictObject({
  id: z.uuid(),
  tenant_id: z.uuid(),
  status: z.enum(['queued', 'scheduled']),
})
export const batchAnswer = z.strictObject({ accepted: count, ids: z.array(z.uuid()).describe('In the order of the messages.') })
