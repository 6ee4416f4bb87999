/** The document's components, made from the schemas that validate requests and shape answers. */
import { z } from 'zod'
import { loginAnswer, loginBody, userSchema } from '../schemas/auth.ts'
import { messageIdText, problemSchema, tenantIdText } from '../schemas/common.ts'
import {
  batchAnswer,
  messageBatch,
  messageDraft,
  messageList,
  messageSchema,
  messagesQuery,
  publishAnswer,
  tenantMessagesQuery,
} from '../schemas/message.ts'
import { liveness, readinessAnswer } from '../schemas/system.ts'
import {
  concurrencyAnswer,
  concurrencyBody,
  deletionAnswer,
  deletionQuery,
  drainingTenant,
  tenantChange,
  tenantConfig,
  tenantCreation,
  tenantList,
  tenantSchema,
  tenantStatsSchema,
  tenantsQuery,
} from '../schemas/tenant.ts'

const bodies = {
  LoginBody: loginBody,
  TenantCreation: tenantCreation,
  TenantChange: tenantChange,
  TenantConfig: tenantConfig,
  ConcurrencyBody: concurrencyBody,
  MessageDraft: messageDraft,
  MessageBatch: messageBatch,
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
  Message: messageSchema,
  MessageList: messageList,
  PublishAnswer: publishAnswer,
  BatchAnswer: batchAnswer,
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
}

export function createComponents() {
  return {
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    schemas: { ...toSchemas(bodies, 'input'), ...toSchemas(answers, 'output') },
    parameters: {
      TenantId: { name: 'id', in: 'path', required: true, schema: toJsonSchema(tenantIdText) },
      MessageId: { name: 'mid', in: 'path', required: true, schema: toJsonSchema(messageIdText) },
      IfMatch: { name: 'If-Match', in: 'header', description: 'The ETag the change is based on.', schema: { type: 'string' } },
      ...toQueryParameters(),
    },
    responses: {
      Problem: {
        description: 'A problem document (RFC 9457).',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
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
