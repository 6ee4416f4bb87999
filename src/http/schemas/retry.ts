/** Retry policies: in a tenant's configuration, and as they are in force. */
import { z } from 'zod'
import { maxRetryDelayMs, namedRetryPolicies } from '../../core/retry-policy.ts'
import { count } from './common.ts'
import { failedStatsSchema } from './failed-message.ts'

const delayMs = z.int().min(0).max(maxRetryDelayMs)
const order = z.enum(['oldest', 'latest'])
const policyNames = Object.keys(namedRetryPolicies)

export const retryPolicyParts = z
  .strictObject({
    attempts: z.int().min(1).max(100).optional().describe('Runs in all, the first included.'),
    base_ms: z.int().min(0).max(86_400_000).optional().describe('The most the first wait can be.'),
    factor: z.number().min(1).max(100).optional().describe('By how much each wait is longer than the one before.'),
    cap_ms: delayMs.optional().describe('The most any wait can be.'),
    delays_ms: z.array(delayMs).min(1).max(100).optional().describe('The waits one by one, instead of the four above.'),
    non_retryable: z.array(z.string().min(1).max(200)).max(50).optional().describe('Names of errors that no other attempt can mend.'),
    immediate_retries: z.int().min(0).max(5).optional().describe('Runs that follow a failure at once, within one attempt.'),
    order: order.optional().describe('Which of the due messages go first.'),
  })
  .refine(
    ({ delays_ms, attempts, base_ms, factor, cap_ms }) =>
      delays_ms === undefined || [attempts, base_ms, factor, cap_ms].every((part) => part === undefined),
    { path: ['delays_ms'], message: 'cannot go with attempts, base_ms, factor or cap_ms' },
  )

const policy = z.union([z.enum(policyNames), retryPolicyParts], `must be a policy, or the name of one: ${policyNames.join(', ')}`)

export const tenantRetry = z.strictObject({
  default: policy.optional().describe('For every type that is not named.'),
  types: z.record(z.string().min(1).max(200), policy).optional().describe('By message type.'),
})

const common = { non_retryable: z.array(z.string()), immediate_retries: count, order }

export const retryPolicySchema = z.discriminatedUnion('strategy', [
  z.strictObject({
    strategy: z.literal('exponential').describe('Each wait is drawn evenly from 0 to base_ms × factor^(n−1), at most cap_ms.'),
    attempts: count,
    base_ms: z.number(),
    factor: z.number(),
    cap_ms: z.number(),
    ...common,
  }),
  z.strictObject({ strategy: z.literal('fixed'), delays_ms: z.array(z.number()), ...common }),
])

export const retryStatsSchema = z.strictObject({
  ...failedStatsSchema.shape,
  policy: retryPolicySchema.describe('In force where neither a tenant nor a handler says anything else.'),
  named_policies: z.record(z.string(), retryPolicySchema),
})
