/** The document's components, made from the schemas that validate requests and shape answers. */
import { z } from 'zod'
import { attemptSchema } from '../schemas/attempt.ts'
import { loginAnswer, loginBody, userSchema } from '../schemas/auth.ts'
import { messageIdText, problemSchema, tenantIdText } from '../schemas/common.ts'
import {
  bulkAnswer,
  failedMessageDetail,
  failedMessageList,
  failedMessageSchema,
  failedMessagesQuery,
  failedSelection,
  failedStatsSchema,
} from '../schemas/failed-message.ts'
import {
  batchAnswer,
  messageBatch,
  messageDetail,
  messageDraft,
  messageList,
  messageSchema,
  messagesQuery,
  publishAnswer,
  tenantMessagesQuery,
} from '../schemas/message.ts'
import { retryPolicyParts, retryPolicySchema, retryStatsSchema, tenantRetry } from '../schemas/retry.ts'
import { liveness, readinessAnswer } from '../schemas/system.ts'
import {
  concurrencyAnswer,
  concurrencyBody,
  deletionAnswer,
  deletionQuery,
  drainingTenant,
  tenantChange,
  tenantCreation,
  tenantList,
  tenantSchema,
  tenantStatsSchema,
  tenantsQuery,
} from '../schemas/tenant.ts'
import { tenantConfig, tenantRetention } from '../schemas/tenant-config.ts'
import { headers, responses } from './responses.ts'

const bodies = {
  LoginBody: loginBody,
  TenantCreation: tenantCreation,
  TenantChange: tenantChange,
  TenantConfig: tenantConfig,
  TenantRetry: tenantRetry,
  RetryPolicyParts: retryPolicyParts,
  TenantRetention: tenantRetention,
  ConcurrencyBody: concurrencyBody,
  MessageDraft: messageDraft,
  MessageBatch: messageBatch,
  FailedSelection: failedSelection,
}

const answers = {
  LoginAnswer: loginAnswer,
  User: userSchema,
  Tenant: tenantSchema,
  TenantList: tenantList,
  TenantStats: tenantStatsSchema,
  DrainingTenant: drainingTenant,
  DeletionAnswer: deletionAnswer,
  ConcurrencyAnswer: concurrencyAnswer,
  Attempt: attemptSchema,
  Message: messageSchema,
  MessageDetail: messageDetail,
  MessageList: messageList,
  PublishAnswer: publishAnswer,
  BatchAnswer: batchAnswer,
  FailedMessage: failedMessageSchema,
  FailedMessageDetail: failedMessageDetail,
  FailedMessageList: failedMessageList,
  BulkAnswer: bulkAnswer,
  FailedStats: failedStatsSchema,
  RetryPolicy: retryPolicySchema,
  RetryStats: retryStatsSchema,
  Liveness: liveness,
  Readiness: readinessAnswer,
  Problem: problemSchema,
}

/** The parameters of a query are named `Group.name`. */
export const queryGroups = {
  Tenants: tenantsQuery,
  Deletion: deletionQuery,
  TenantMessages: tenantMessagesQuery,
  Messages: messagesQuery,
  FailedMessages: failedMessagesQuery,
}

export function createComponents() {
  return {
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    schemas: { ...toSchemas(bodies, 'input'), ...toSchemas(answers, 'output') },
    parameters: {
      TenantId: { name: 'id', in: 'path', required: true, schema: toJsonSchema(tenantIdText) },
      MessageId: { name: 'mid', in: 'path', required: true, schema: toJsonSchema(messageIdText) },
      FailedMessageId: { name: 'fid', in: 'path', required: true, schema: toJsonSchema(messageIdText) },
      IdempotencyKey: {
        name: 'Idempotency-Key',
        in: 'header',
        description: 'Names this publish: repeated with the same body, it publishes nothing more.',
        schema: { type: 'string', minLength: 1, maxLength: 255 },
      },
      IfMatch: { name: 'If-Match', in: 'header', description: 'The ETag the change is based on.', schema: { type: 'string' } },
      ...toQueryParameters(),
    },
    responses,
    headers,
  }
}

/** Schemas that contain each other become references. */
function toSchemas(named: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): Record<string, unknown> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { io, unrepresentable: 'any', uri: (id) => `#/components/schemas/${id}` })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutIds(schema)]))
}

function toQueryParameters(): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(queryGroups).flatMap(([group, query]) =>
      Object.entries(query.shape).map(([name, schema]) => {
        const { description, ...rest } = toJsonSchema(schema as z.ZodType)
        return [`${group}.${name}`, { name, in: 'query', description, schema: rest }]
      }),
    ),
  )
}

const toJsonSchema = (schema: z.ZodType) => withoutIds(z.toJSONSchema(schema, { io: 'output' }))

function withoutIds({ $schema: _schema, $id: _id, ...schema }: Record<string, unknown>): Record<string, unknown> {
  return schema
}
