/** The ids in a path, beside the tenant's. */
import { type MessageId, readMessageId, readTenantId, type TenantId } from '../../core/ids.ts'
import { invalid } from './refusal.ts'

type Params = Readonly<Record<string, string | undefined>>

/** The lower-cased id, or undefined when the text is not an RFC 9562 UUID. */
export const readUuid = (text: string): string | undefined => readMessageId(text)

/** Of a message. Errors: Refusal naming the parameter. */
export const parsePathId = (params: Params, name: 'mid' | 'fid'): MessageId => parse(params, name, readMessageId)

/** Of a deleted tenant. Errors: Refusal naming the parameter. */
export const parsePathTenant = (params: Params, name: 'tenantId'): TenantId => parse(params, name, readTenantId)

/** Of a user, a session, an invitation, an API key or a flight record. Errors: Refusal naming the parameter. */
export const parsePathUuid = (params: Params, name: 'userId' | 'sid' | 'invitationId' | 'keyId' | 'rid'): string =>
  parse(params, name, readUuid)

function parse<Id extends string>(params: Params, name: string, read: (text: string) => Id | undefined): Id {
  const id = read(params[name] ?? '')
  if (id === undefined) throw invalid({ path: name, message: 'must be a UUID' })
  return id
}
