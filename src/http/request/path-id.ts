/** The id of a message in a path. */
import { type MessageId, readMessageId } from '../../core/ids.ts'
import { invalid } from './refusal.ts'

/** Errors: Refusal naming the parameter. */
export function parsePathId(params: Readonly<Record<string, string | undefined>>, name: 'mid' | 'fid'): MessageId {
  const id = readMessageId(params[name] ?? '')
  if (!id) throw invalid({ path: name, message: 'must be a UUID' })
  return id
}
