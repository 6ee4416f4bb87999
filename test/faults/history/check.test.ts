import { expect } from 'chai'
import { type CheckOptions, checkHistory, type Verdict } from './check.ts'
import type { EffectRun, FinalState, StoredRow } from './final-state.ts'
import type { HistoryEntry, PublishOutcome } from './history.ts'

const options: CheckOptions = {
  effectTypes: ['effect', 'flaky'],
  failuresOf: (type) => ({ flaky: 2, poison: Number.POSITIVE_INFINITY })[type] ?? 0,
  attemptsOf: (type) => (type === 'poison' ? 1 : 3),
}
const kinds = ({ violations }: Verdict): readonly string[] => violations.map(({ kind }) => kind)

let calls = 0

/** A publish of one message and its answer. */
function told(outcome: PublishOutcome, message: Partial<Record<'id' | 'type' | 'hash' | 'tenant', string>> = {}): HistoryEntry[] {
  const { id = 'm1', type = 'effect', hash = `hash of ${id}`, tenant = 'a' } = message
  const call = ++calls
  const status = { ok: 202, info: 503, fail: 409 }[outcome]
  return [
    { kind: 'publish', call, tenant, messages: [{ id, type, hash }] },
    { kind: 'answer', call, outcome, status, code: null, tookMs: 1, ids: outcome === 'ok' ? [id] : [] },
  ]
}

function row(fields: Partial<StoredRow> = {}): StoredRow {
  const { id = 'm1' } = fields
  return {
    tenant: 'a',
    id,
    type: 'effect',
    hash: `hash of ${id}`,
    status: 'processed',
    error: null,
    attempts: 1,
    committedAtMs: 1_000,
    ...fields,
  }
}

const run = (fields: Partial<EffectRun> = {}): EffectRun => ({ tenant: 'a', id: 'm1', attempt: 1, atMs: 900, ...fields })

const left = (state: Partial<FinalState>): FinalState => ({ rows: [], failures: [], effects: [], ...state })

describe('checkHistory', () => {
  it('finds nothing where every accepted message is stored once, and its effect happened once', () => {
    const verdict = checkHistory(told('ok'), left({ rows: [row()], effects: [run()] }), options)
    expect(verdict).to.deep.equal({ accepted: 1, unknown: 0, unknownStored: 0, repeatedRuns: 0, violations: [] })
  })

  it('misses a message that was accepted and is nowhere', () => {
    const verdict = checkHistory([...told('ok'), ...told('ok', { id: 'm2' })], left({ rows: [row()], effects: [run()] }), options)
    expect(kinds(verdict)).to.deep.equal(['lost'])
    expect(verdict.violations[0]?.detail).to.contain('m2')
  })

  it('misses none of a tenant that is deleted', () => {
    const entries: HistoryEntry[] = [...told('ok'), { kind: 'deleting', tenant: 'a' }]
    expect(kinds(checkHistory(entries, left({ rows: [], effects: [] }), options))).to.deep.equal([])
  })

  it('sees one message under two ids', () => {
    const rows = [row(), row({ id: 'm2', hash: 'hash of m1' })]
    expect(kinds(checkHistory(told('ok'), left({ rows, effects: [run(), run({ id: 'm2' })] }), options))).to.include('duplicated')
  })

  it('lets a message be published twice when it is stored once', () => {
    const verdict = checkHistory([...told('ok'), ...told('info'), ...told('ok')], left({ rows: [row()], effects: [run()] }), options)
    expect([verdict.accepted, kinds(verdict)]).to.deep.equal([1, []])
  })

  it('sees a message that nobody sent', () => {
    const state = left({ rows: [row(), row({ id: 'm2', type: 'stored' })], effects: [run()] })
    expect(kinds(checkHistory(told('ok'), state, options))).to.deep.equal(['invented'])
  })

  it('sees a message that is stored although its answer said that it is not', () => {
    expect(kinds(checkHistory(told('fail'), left({ rows: [row()], effects: [run()] }), options))).to.deep.equal(['invented'])
  })

  it('takes whatever becomes of a message of which nobody knows', () => {
    const entries = [...told('info'), ...told('info', { id: 'm2' })]
    const verdict = checkHistory(entries, left({ rows: [row()], effects: [run()] }), options)
    expect([verdict.unknown, verdict.unknownStored, kinds(verdict)]).to.deep.equal([2, 1, []])
  })

  it('takes a call without an answer as one of which nobody knows', () => {
    const [begun] = told('ok')
    expect(kinds(checkHistory(begun ? [begun] : [], left({ rows: [], effects: [] }), options))).to.deep.equal([])
  })

  it('sees a message of another tenant', () => {
    const state = left({ rows: [row({ tenant: 'b' })], effects: [run({ tenant: 'b' })] })
    expect(kinds(checkHistory(told('ok'), state, options))).to.deep.equal(['lost', 'foreign'])
  })

  it('sees other data, another type and another id than sent', () => {
    for (const fields of [{ hash: 'other' }, { type: 'stored' }, { id: 'm2', hash: 'hash of m1' }]) {
      const verdict = checkHistory(told('ok'), left({ rows: [row(fields)], effects: [run({ id: fields.id ?? 'm1' })] }), options)
      expect(kinds(verdict)).to.include('altered')
    }
  })

  it('sees outcomes that are not those of the handler', () => {
    const failed = row({ status: 'failed', error: 'stopped' })
    expect(kinds(checkHistory(told('ok'), left({ rows: [failed], effects: [run()] }), options))).to.deep.equal(['wrong_outcome'])
    const again = row({ attempts: 2 })
    expect(kinds(checkHistory(told('ok'), left({ rows: [again], effects: [run()] }), options))).to.deep.equal(['wrong_outcome'])
  })

  it('sees a failure without an error, without a failed message, or given up without a reason', () => {
    const told1 = told('ok', { type: 'poison' })
    const given = { type: 'poison', status: 'failed', error: 'poison' }
    const failure = { tenant: 'a', id: 'm1', status: 'permanently_failed', reason: 'rejected' }
    const check = (fields: Partial<StoredRow>, failures: FinalState['failures']) =>
      kinds(checkHistory(told1, left({ rows: [row({ ...given, ...fields })], failures }), options))
    expect(check({}, [failure])).to.deep.equal([])
    expect(check({ error: null }, [failure])).to.deep.equal(['wrong_outcome'])
    expect(check({}, [])).to.deep.equal(['wrong_outcome'])
    expect(check({}, [{ ...failure, reason: null }])).to.deep.equal(['wrong_outcome'])
  })

  it('follows a message that is tried again until it is processed, attempt by attempt', () => {
    const resolved = { tenant: 'a', id: 'm1', status: 'resolved', reason: null }
    const entries = told('ok', { type: 'flaky' })
    const rows = [row({ type: 'flaky', attempts: 3 })]
    const runs = [1, 2, 3].map((attempt) => run({ attempt }))
    const verdict = checkHistory(entries, left({ rows, failures: [resolved], effects: [...runs, run({ attempt: 2 })] }), options)
    expect([verdict.repeatedRuns, kinds(verdict)]).to.deep.equal([1, []])
    const stuck = [row({ type: 'flaky', attempts: 2, status: 'retrying' })]
    const pending = [{ ...resolved, status: 'pending' }]
    expect(kinds(checkHistory(entries, left({ rows: stuck, failures: pending, effects: runs }), options))).to.deep.equal(['wrong_outcome'])
  })

  it('misses the effect of a message that is recorded as processed', () => {
    expect(kinds(checkHistory(told('ok'), left({ rows: [row()], effects: [] }), options))).to.deep.equal(['effect_missing'])
  })

  it('counts an effect that is repeated before its outcome is recorded, and objects to one that is repeated after', () => {
    const before = checkHistory(told('ok'), left({ rows: [row()], effects: [run(), run({ atMs: 990 })] }), options)
    expect([before.repeatedRuns, kinds(before)]).to.deep.equal([1, []])
    const after = checkHistory(told('ok'), left({ rows: [row()], effects: [run(), run({ atMs: 2_000 })] }), options)
    expect([after.repeatedRuns, kinds(after)]).to.deep.equal([0, ['effect_repeated']])
  })

  it('sees what belongs to another tenant in an answer', () => {
    const entries: HistoryEntry[] = [
      { kind: 'tenant', tenant: 'a', canary: 'canary-a' },
      { kind: 'tenant', tenant: 'b', canary: 'canary-b' },
      { kind: 'read', tenant: 'a', canaries: ['canary-a'] },
      { kind: 'read', tenant: 'b', canaries: ['canary-b', 'canary-a'] },
    ]
    expect(kinds(checkHistory(entries, left({ rows: [], effects: [] }), options))).to.deep.equal(['leaked'])
  })

  it('objects to an answer that calls itself an internal error', () => {
    const entries = told('info').map((entry) => (entry.kind === 'answer' ? { ...entry, status: 500 } : entry))
    expect(kinds(checkHistory(entries, left({ rows: [], effects: [] }), options))).to.deep.equal(['internal_error'])
  })
})
