/** The document's components, made from the schemas that validate requests and shape answers. */
import { z } from 'zod'
import { messageIdText, tenantIdText } from '../schemas/common.ts'
import { actorIdText, actorKind } from '../schemas/inspection.ts'
import { secretName } from '../schemas/secret.ts'
import { answers, bodies, queryGroups } from './documented-schemas.ts'
import { headers, responses } from './responses.ts'

const inPath = (name: string, schema: z.ZodType) => ({ name, in: 'path', required: true, schema: toJsonSchema(schema) })

export function createComponents() {
  return {
    securitySchemes: {
      bearer: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'A token of a login, or of the configured identity provider.',
      },
      apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'An API key of a tenant.' },
    },
    schemas: { ...toSchemas(bodies, 'input'), ...toSchemas(answers, 'output') },
    parameters: {
      TenantId: inPath('id', tenantIdText),
      MessageId: inPath('mid', messageIdText),
      FailedMessageId: inPath('fid', messageIdText),
      SessionId: inPath('sid', messageIdText),
      UserId: inPath('userId', messageIdText),
      InvitationId: inPath('invitationId', messageIdText),
      ApiKeyId: inPath('keyId', messageIdText),
      DeletedTenantId: inPath('tenantId', tenantIdText),
      SecretName: inPath('name', secretName),
      ActorId: inPath('id', actorIdText),
      MachineName: inPath('name', actorKind),
      FlightRecordId: inPath('rid', messageIdText),
      IdempotencyKey: {
        name: 'Idempotency-Key',
        in: 'header',
        description: 'Names this publish: repeated with the same body, it publishes nothing more.',
        schema: { type: 'string', minLength: 1, maxLength: 255 },
      },
      IfMatch: { name: 'If-Match', in: 'header', description: 'The ETag the change is based on.', schema: { type: 'string' } },
      LastEventId: {
        name: 'Last-Event-ID',
        in: 'header',
        description: 'The id of the last event that the client has.',
        schema: { type: 'string', maxLength: 100 },
      },
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
