/** An explanation as the API shows it. */
import type { Explanation } from '../../../core/ports/inspection.ts'

interface Caller {
  /** What they addressed the API under: the remedy's path is as they would call it. */
  readonly prefix: string
  /** Whether they may see the texts of errors, which may quote message data. */
  readonly isReadable: boolean
}

export function toExplanationBody({ sentence, blockedBy, until, remedy, detail }: Explanation, { prefix, isReadable }: Caller) {
  return {
    sentence,
    blocked_by: blockedBy,
    until: until?.toISOString() ?? null,
    remedy: remedy && {
      method: remedy.method,
      path: prefix + remedy.path,
      ...(remedy.body === undefined ? {} : { body: remedy.body }),
      description: remedy.description,
    },
    detail: isReadable ? detail : null,
    ...(isReadable ? {} : { data_hidden: true as const }),
  }
}
