/** What a suite has found wrong, with all that is needed to see it again. */
import { type Answer, type Sent, toCurl } from './client.ts'

export const suiteNames = ['credentials', 'ids', 'injection', 'cursors', 'fuzz', 'rows', 'slow'] as const
export type SuiteName = (typeof suiteNames)[number]
/** A suite, or the look at the node when all of them are through. */
export type Part = SuiteName | 'node'

export interface Finding {
  readonly suite: Part
  /** An operation's id, or a table's name. */
  readonly subject: string
  readonly what: string
  /** A command line, without the host. */
  readonly request: string
  readonly answer: string
}

export interface SuiteResult {
  readonly suite: Part
  readonly requests: number
  readonly findings: readonly Finding[]
  /** How often each operation was answered with each status. */
  readonly answers: ReadonlyMap<string, ReadonlyMap<number, number>>
  /** What else is worth telling. */
  readonly notes: readonly string[]
}

export interface Ledger {
  answered(subject: string, answer: Answer): void
  found(subject: string, what: string, sent?: Sent, answer?: Answer): void
  note(line: string): void
  result(): SuiteResult
}

/** More of the same kind on the same subject are counted and not kept. */
const keptPerKind = 3

export function createLedger(suite: Part): Ledger {
  const findings: Finding[] = []
  const kinds = new Map<string, number>()
  const answers = new Map<string, Map<number, number>>()
  const notes: string[] = []
  let requests = 0
  return {
    answered(subject, { status }) {
      requests++
      const ofSubject = answers.get(subject) ?? new Map<number, number>()
      answers.set(subject, ofSubject.set(status, (ofSubject.get(status) ?? 0) + 1))
    },
    found(subject, what, sent, answer) {
      const kind = `${subject}\n${what.replaceAll(/\d+|[0-9a-f-]{36}/g, '#').slice(0, 80)}`
      const count = (kinds.get(kind) ?? 0) + 1
      kinds.set(kind, count)
      if (count > keptPerKind) return
      findings.push({
        suite,
        subject,
        what,
        request: sent ? toCurl(sent) : '',
        answer: answer ? `${answer.status} ${clip(answer.text)}` : '',
      })
    },
    note: (line) => void notes.push(line),
    result: () => ({ suite, requests, findings, answers, notes }),
  }
}

const clip = (text: string): string => (text.length > 600 ? `${text.slice(0, 600)}…` : text)
