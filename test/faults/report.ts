/** What a run has shown, as a table and as a JSON file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ViolationKind } from './history/check.ts'
import type { TrialResult } from './trial.ts'

export interface Row {
  readonly fault: string
  readonly broker: string
  readonly trials: number
  readonly published: number
  readonly unknown: number
  readonly lost: number
  readonly duplicated: number
  readonly invented: number
  readonly repeatedRuns: number
  /** Milliseconds. */
  readonly workingP50: number
  readonly workingMax: number
  readonly caughtUpMax: number
  readonly complaints: number
}

/** Trials of one fault on one broker make a row. */
export function toRows(results: readonly TrialResult[]): readonly Row[] {
  return [...Map.groupBy(results, ({ faults, broker }) => `${faults.join(' ')}/${broker}`).values()].map(toRow)
}

function toRow(results: readonly TrialResult[]): Row {
  const sum = (count: (result: TrialResult) => number): number => results.reduce((total, result) => total + count(result), 0)
  const violations = (...kinds: readonly ViolationKind[]): number =>
    sum(({ verdict }) => verdict.violations.filter(({ kind }) => kinds.includes(kind)).length)
  const recoveries = results.flatMap((result) => result.recoveries)
  const working = recoveries.map(({ workingMs }) => workingMs).toSorted((one, other) => one - other)
  return {
    fault: results[0]?.faults.join(' ') ?? '',
    broker: results[0]?.broker ?? '',
    trials: results.length,
    published: sum(({ verdict }) => verdict.accepted),
    unknown: sum(({ verdict }) => verdict.unknown),
    lost: violations('lost', 'wrong_outcome', 'effect_missing'),
    duplicated: violations('duplicated', 'effect_repeated'),
    invented: violations('invented', 'altered', 'foreign', 'leaked'),
    repeatedRuns: sum(({ verdict }) => verdict.repeatedRuns),
    workingP50: working[Math.floor((working.length - 1) / 2)] ?? 0,
    workingMax: working.at(-1) ?? 0,
    caughtUpMax: Math.max(0, ...recoveries.map(({ caughtUpMs }) => caughtUpMs)),
    complaints: sum(({ complaints }) => complaints.length),
  }
}

const columns = {
  fault: 'fault',
  broker: 'broker',
  trials: 'trials',
  published: 'accepted',
  unknown: 'outcome unknown',
  lost: 'lost',
  duplicated: 'duplicated',
  invented: 'invented',
  repeatedRuns: 'runs repeated before a commit',
  workingP50: 'works again p50 ms',
  workingMax: 'max ms',
  caughtUpMax: 'caught up max ms',
  complaints: 'violations',
} as const satisfies Record<keyof Row, string>

export function formatRows(rows: readonly Row[]): string {
  const names = Object.keys(columns) as (keyof Row)[]
  const lines = [Object.values(columns), ...rows.map((row) => names.map((name) => `${row[name]}`))]
  const widths = names.map((_, place) => Math.max(...lines.map((line) => line[place]?.length ?? 0)))
  const [head, ...body] = lines.map((line) => `| ${line.map((cell, place) => cell.padEnd(widths[place] ?? 0)).join(' | ')} |`)
  return [head, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body].join('\n')
}

/** Overwrites the last report of this name; resolves with its path. */
export function writeReport(resultsDir: string, name: string, results: readonly TrialResult[]): string {
  mkdirSync(resultsDir, { recursive: true })
  const file = join(resultsDir, `${name}.json`)
  writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString(), rows: toRows(results), trials: results }, null, 2)}\n`)
  return file
}
