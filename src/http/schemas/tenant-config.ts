/** A tenant's configuration: free-form, but for the keys that the engine reads. */
import { z } from 'zod'
import { payloadVisibilities } from '../../core/identity.ts'
import { maxPublishPerSecond, type TenantConfig } from '../../core/tenant-config.ts'
import { tenantRetry } from './retry.ts'

const days = z.int().min(0).max(3650).nullable()

export const tenantRetention = z.strictObject({
  messages_days: days.optional().describe('How long processed and failed messages are kept; 0 or null for ever.'),
  keys_hours: z.int().min(1).max(720).optional().describe('How long an Idempotency-Key stands for its publish.'),
  failures_days: days.optional().describe('How long failed messages are kept after they were closed; 0 or null for ever.'),
})

const payloadVisibility = z.enum(payloadVisibilities)

export const tenantRateLimits = z.strictObject({
  publish_per_second: z
    .int()
    .min(1)
    .max(maxPublishPerSecond)
    .optional()
    .describe('Messages, over all clients; any number when left out. Only platform admins change it.'),
})

const reserved: z.ZodType<TenantConfig> = z.object({
  retry: tenantRetry.optional(),
  retention: tenantRetention.optional(),
  payload_visibility: payloadVisibility.optional(),
  rate_limits: tenantRateLimits.optional(),
})

const maxConfigBytes = 65_536

/** Not copied: the keys that nobody reserves pass as they are. */
export const tenantConfig = z
  .custom<Readonly<Record<string, unknown>>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'expected object',
  )
  .refine((config) => Buffer.byteLength(JSON.stringify(config)) <= maxConfigBytes, `must not exceed ${maxConfigBytes} bytes of JSON`)
  .superRefine(refuseUnusable)
  .meta({
    type: 'object',
    description: 'Settings of the handlers under keys of their own, and those that are named here for the engine.',
    properties: {
      retry: { $ref: '#/components/schemas/TenantRetry' },
      retention: { $ref: '#/components/schemas/TenantRetention' },
      payload_visibility: {
        type: 'string',
        enum: [...payloadVisibilities],
        description:
          'Whom message data and the texts of errors are shown to: all who may read messages; not platform admins; owners alone; nobody. Only owners and platform admins change it.',
      },
      rate_limits: { $ref: '#/components/schemas/TenantRateLimits' },
    },
    additionalProperties: true,
    examples: [
      {
        retry: { default: { attempts: 5, base_ms: 500 }, types: { email: 'location', sms: { delays_ms: [1000, 60_000] } } },
        retention: { messages_days: 30, failures_days: 90, keys_hours: 48 },
        payload_visibility: 'tenant',
        rate_limits: { publish_per_second: 500 },
      },
    ],
  })

function refuseUnusable(config: Readonly<Record<string, unknown>>, context: z.core.$RefinementCtx): void {
  const parsed = reserved.safeParse(config)
  if (!parsed.success) context.issues.push(...parsed.error.issues.map((issue) => ({ ...issue, input: config }) as z.core.$ZodRawIssue))
  // A schema leaves this key out unseen.
  const { types } = parsed.data?.retry ?? {}
  if (types && Object.hasOwn((config.retry as { types: object }).types, '__proto__')) {
    context.addIssue({ code: 'custom', path: ['retry', 'types', '__proto__'], message: 'is not a message type' })
  }
}
