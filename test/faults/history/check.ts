/** Proves the invariants from a history and a final state, and from nothing else. */
import type { FinalState, StoredRow } from './final-state.ts'
import type { HistoryEntry, PublishOutcome } from './history.ts'

export type ViolationKind =
  /** I1: accepted, but nowhere. */
  | 'lost'
  /** I1: stored, but not with the outcome that its handler gives. */
  | 'wrong_outcome'
  /** I1: one message, several rows. */
  | 'duplicated'
  /** I2: stored, but never sent, or sent and answered with "nothing is stored". */
  | 'invented'
  /** I2: stored with other data or another type than sent. */
  | 'altered'
  /** I2, I5: stored for a tenant it was not sent to. */
  | 'foreign'
  /** I3: recorded as processed, and its handler never ran. */
  | 'effect_missing'
  /** I3: its handler ran again after its outcome was recorded. */
  | 'effect_repeated'
  /** I5: an answer about one tenant holds what belongs to another. */
  | 'leaked'
  /** The API called its own fault an internal error. */
  | 'internal_error'

export interface Violation {
  readonly kind: ViolationKind
  readonly tenant: string
  readonly detail: string
}

export interface Verdict {
  /** How many messages were accepted. */
  readonly accepted: number
  /** Messages of which nobody knew whether they were accepted, and how many of them are stored. */
  readonly unknown: number
  readonly unknownStored: number
  /** Runs that began again because nothing was recorded of the one before. */
  readonly repeatedRuns: number
  readonly violations: readonly Violation[]
}

/** What the handlers of a load do. */
export interface CheckOptions {
  /** Types whose handler writes down each run. */
  readonly effectTypes: readonly string[]
  /** How often a message of this type fails before it is processed; Infinity for one that never is. */
  failuresOf(type: string, id: string): number
  /** Runs in all that the retry policy of this type allows. */
  attemptsOf(type: string): number
}

interface Sent {
  readonly tenant: string
  readonly id: string | null
  readonly type: string
  readonly hash: string
  /** The best that any call with this message was told. */
  readonly outcome: PublishOutcome
}

/** The run's clock and the server's are the same; on a busy machine a moment passes between a look-up and a handler's first line. */
const momentMs = 250

export function checkHistory(entries: readonly HistoryEntry[], state: FinalState, options: CheckOptions): Verdict {
  const sent = listSent(entries)
  const gone = new Set(entries.flatMap((entry) => (entry.kind === 'deleting' ? [entry.tenant] : [])))
  const rowsByHash = Map.groupBy(state.rows, ({ hash }) => hash)
  const isStored = ({ hash, tenant }: Sent): boolean => rowsByHash.get(hash)?.some((row) => row.tenant === tenant) === true
  const accepted = [...sent.values()].filter(({ outcome }) => outcome === 'ok')
  const unknown = [...sent.values()].filter(({ outcome }) => outcome === 'info')
  const effects = checkEffects(state, options)
  return {
    accepted: accepted.length,
    unknown: unknown.length,
    unknownStored: unknown.filter(isStored).length,
    repeatedRuns: effects.repeatedRuns,
    violations: [
      ...accepted.filter((message) => !gone.has(message.tenant) && !isStored(message)).map(toLost),
      ...[...rowsByHash.values()].flatMap(checkOnce),
      ...state.rows.flatMap((row) => checkRow(row, sent)),
      ...checkOutcomes(state, options),
      ...effects.violations,
      ...checkAnswers(entries),
    ],
  }
}

const rank = { ok: 2, info: 1, fail: 0 } as const satisfies Record<PublishOutcome, number>

/** By hash. A call without an answer is one of which nobody knows. */
function listSent(entries: readonly HistoryEntry[]): ReadonlyMap<string, Sent> {
  const answers = new Map(entries.flatMap((entry) => (entry.kind === 'answer' ? [[entry.call, entry] as const] : [])))
  const sent = new Map<string, Sent>()
  for (const entry of entries) {
    if (entry.kind !== 'publish') continue
    const answer = answers.get(entry.call)
    for (const [place, message] of entry.messages.entries()) {
      const known = sent.get(message.hash)
      const outcome = answer?.outcome ?? 'info'
      sent.set(message.hash, {
        ...message,
        tenant: entry.tenant,
        id: known?.id ?? message.id ?? answer?.ids[place] ?? null,
        outcome: known && rank[known.outcome] > rank[outcome] ? known.outcome : outcome,
      })
    }
  }
  return sent
}

const toLost = ({ tenant, id, type }: Sent): Violation => ({ kind: 'lost', tenant, detail: `${type} ${id} was accepted` })

function checkOnce(rows: readonly StoredRow[]): Violation[] {
  const [first, ...more] = rows
  return more.map(({ tenant, id }) => ({ kind: 'duplicated', tenant, detail: `${id} is ${first?.id} once more` }))
}

function checkRow(row: StoredRow, sent: ReadonlyMap<string, Sent>): Violation[] {
  const { tenant, id, type, hash } = row
  const message = sent.get(hash)
  const violation = (kind: ViolationKind, detail: string): Violation[] => [{ kind, tenant, detail }]
  if (!message) {
    const sameId = [...sent.values()].find((each) => each.id === id)
    return sameId ? violation('altered', `${type} ${id} has other data than sent`) : violation('invented', `${type} ${id} was never sent`)
  }
  if (message.tenant !== tenant) return violation('foreign', `${type} ${id} was sent to ${message.tenant}`)
  if (message.id !== null && message.id !== id) return violation('altered', `${message.id} is stored as ${id}`)
  if (message.type !== type) return violation('altered', `${message.type} ${id} is stored as ${type}`)
  if (message.outcome === 'fail') return violation('invented', `${type} ${id} is stored, and its answer said that it is not`)
  return []
}

/** Each message ends as its handler and its policy have it, and each failure is told in the same way by its failed message. */
function checkOutcomes({ rows, failures }: FinalState, options: CheckOptions): Violation[] {
  const failureByKey = new Map(failures.map((failure) => [keyOf(failure), failure]))
  return rows.flatMap((row): Violation[] => {
    const { tenant, id, type, status, attempts, error } = row
    const failed = options.failuresOf(type, id)
    const isProcessed = failed < options.attemptsOf(type)
    const wanted = {
      status: isProcessed ? 'processed' : 'failed',
      attempts: isProcessed ? failed + 1 : Math.min(failed, options.attemptsOf(type)),
      failure: isProcessed ? (failed === 0 ? 'none' : 'resolved') : 'permanently_failed',
    }
    const failure = failureByKey.get(keyOf(row))
    const found = { status, attempts, failure: failure?.status ?? 'none' }
    const complaints = []
    if (JSON.stringify(found) !== JSON.stringify(wanted)) complaints.push(`${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`)
    if (status === 'failed' && !error) complaints.push('failed without an error')
    if (failure?.status === 'permanently_failed' && !failure.reason) complaints.push('given up without a reason')
    return complaints.map((detail) => ({ kind: 'wrong_outcome', tenant, detail: `${type} ${id}: ${detail}` }))
  })
}

const keyOf = ({ tenant, id }: { readonly tenant: string; readonly id: string }): string => `${tenant}/${id}`

function checkEffects(state: FinalState, { effectTypes }: CheckOptions): { violations: Violation[]; repeatedRuns: number } {
  const runs = Map.groupBy(state.effects, keyOf)
  const violations: Violation[] = []
  let repeatedRuns = 0
  for (const row of state.rows) {
    if (!effectTypes.includes(row.type)) continue
    const { tenant, id, type } = row
    const ran = runs.get(keyOf(row)) ?? []
    if (ran.length === 0) violations.push({ kind: 'effect_missing', tenant, detail: `${type} ${id} never ran` })
    // A server that does not say when it committed leaves only the number of runs.
    const lateness = ({ atMs }: { readonly atMs: number }): number => Math.round(atMs - (row.committedAtMs ?? atMs))
    const [late = [], inTime = []] = [true, false].map((isLate) => ran.filter((each) => lateness(each) > momentMs === isLate))
    repeatedRuns += inTime.length - new Set(inTime.map(({ attempt }) => attempt)).size
    for (const each of late) {
      const detail = `${type} ${id} ran (attempt ${each.attempt}) ${lateness(each)} ms after its end`
      violations.push({ kind: 'effect_repeated', tenant, detail })
    }
  }
  return { violations, repeatedRuns }
}

function checkAnswers(entries: readonly HistoryEntry[]): Violation[] {
  const canaries = new Map(entries.flatMap((entry) => (entry.kind === 'tenant' ? [[entry.tenant, entry.canary] as const] : [])))
  return entries.flatMap((entry): Violation[] => {
    if (entry.kind === 'answer' && entry.status >= 500 && entry.status !== 503) {
      return [{ kind: 'internal_error', tenant: '', detail: `call ${entry.call} was answered with ${entry.status} ${entry.code}` }]
    }
    if (entry.kind !== 'read') return []
    const { tenant } = entry
    return entry.canaries
      .filter((canary) => canary !== canaries.get(tenant))
      .map((canary) => ({ kind: 'leaked', tenant, detail: `an answer holds ${canary}` }))
  })
}
