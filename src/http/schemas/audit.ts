/** Parameters and answers of the audit log. */
import { z } from 'zod'
import { comparedTime, listOf, listParameters } from './common.ts'

export const auditQuery = z.strictObject({
  ...listParameters,
  action: z.string().min(1).max(100).optional().describe('Such as `tenant.change_config`.'),
  actor: z.string().min(1).max(200).optional().describe('The id or the name of whoever did it.'),
  resource: z.string().min(1).max(200).optional().describe('Such as `api_key/…`.'),
  since: comparedTime.optional().describe('At this time or later.'),
  until: comparedTime.optional().describe('Before this time.'),
})

export const auditEntry = z.strictObject({
  id: z.uuid(),
  at: z.iso.datetime(),
  tenant_id: z.uuid().nullable().describe('null for what concerns the platform.'),
  actor: z.strictObject({
    kind: z.enum(['admin', 'tenant_user', 'api_key', 'anonymous']),
    id: z.string().nullable(),
    name: z.string().nullable().describe('What they were called then.'),
  }),
  action: z.string(),
  resource: z.string().nullable().describe('What it was done to; null for the tenant itself.'),
  address: z.string().describe('Where the request came from.'),
  request_id: z.string(),
  before: z.unknown().describe('What was there, without secrets.'),
  after: z.unknown().describe('What is there now, without secrets.'),
})

export const auditList = listOf(auditEntry)
