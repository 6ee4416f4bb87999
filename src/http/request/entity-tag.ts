/** Entity tags of tenants: the version of the desired state. */
import { invalid } from './refusal.ts'

export const toEntityTag = (version: number): string => `"${version}"`

/** The version that `If-Match` asks for; undefined when it is absent or `*`. Errors: Refusal naming `If-Match`. */
export function parseIfMatch(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === '*') return undefined
  const version = /^"(\d{1,15})"$/.exec(header.trim())?.[1]
  if (version === undefined) throw invalid({ path: 'If-Match', message: 'must be * or one entity tag as a tenant’s ETag shows it' })
  return Number(version)
}
