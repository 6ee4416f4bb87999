/** What a schema found wrong with an input, as faults of the contract. */
import type { z } from 'zod'
import type { Fault } from './refusal.ts'

type Issue = z.core.$ZodIssue

/** `unknownName` is what an unexpected field is called in this kind of input. Errors: none; total. */
export function toFaults(error: z.ZodError, unknownName: string): readonly Fault[] {
  return error.issues.flatMap((issue) => toIssueFaults(issue, unknownName))
}

function toIssueFaults(issue: Issue, unknownName: string): readonly Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: toPath([...issue.path, key]), message: `unknown ${unknownName}` }))
  }
  const inner = issue.code === 'invalid_union' ? issue.errors.find(isOfRightKind) : undefined
  if (inner) return inner.flatMap((fault) => toIssueFaults({ ...fault, path: [...issue.path, ...fault.path] }, unknownName))
  return [{ path: toPath(issue.path), message: toMessage(issue) }]
}

/** Of several alternatives, the one that was meant: only its parts are wrong. */
const isOfRightKind = (issues: readonly Issue[]): boolean =>
  issues.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys')

function toMessage(issue: Issue): string {
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return issue.path.length === 0 ? 'a JSON body is required' : 'is required'
  return issue.message.replace(/^Invalid input: /, '')
}

function toPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}
