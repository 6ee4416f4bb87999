/** What a run has shown, as a table and as a JSON file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding, SuiteResult } from './finding.ts'

export interface Row {
  readonly suite: string
  readonly subject: string
  readonly requests: number
  readonly ok: number
  readonly refused: number
  readonly broken: number
  readonly findings: number
}

const columns = {
  suite: 'suite',
  subject: 'operation',
  requests: 'requests',
  ok: '2xx',
  refused: '4xx',
  broken: '5xx or none',
  findings: 'findings',
} as const satisfies Record<keyof Row, string>

/** A row for each operation of each suite. */
export function toRows(results: readonly SuiteResult[]): readonly Row[] {
  return results.flatMap(({ suite, answers, findings }) =>
    [...new Set([...answers.keys(), ...findings.map(({ subject }) => subject)])].map((subject) => {
      const statuses = [...(answers.get(subject) ?? [])]
      const count = (fits: (status: number) => boolean): number =>
        statuses.reduce((sum, [status, times]) => sum + (fits(status) ? times : 0), 0)
      return {
        ...{ suite, subject },
        requests: count(() => true),
        ok: count((status) => status >= 200 && status < 400),
        refused: count((status) => status >= 400 && status < 500),
        broken: count((status) => status === 0 || status >= 500),
        findings: findings.filter((finding) => finding.subject === subject).length,
      }
    }),
  )
}

/** Operations of which no call has succeeded: nobody knows whether they were tried in earnest. */
export function neverAccepted(rows: readonly Row[]): readonly string[] {
  const byOperation = Map.groupBy(rows, ({ subject }) => subject)
  return [...byOperation].filter(([, some]) => some.every(({ ok, requests }) => ok === 0 && requests > 0)).map(([subject]) => subject)
}

export function formatRows(rows: readonly Row[]): string {
  const names = Object.keys(columns) as (keyof Row)[]
  const lines = [Object.values(columns), ...rows.map((row) => names.map((name) => `${row[name]}`))]
  const widths = names.map((_, place) => Math.max(...lines.map((line) => line[place]?.length ?? 0)))
  const [head, ...body] = lines.map((line) => `| ${line.map((cell, place) => cell.padEnd(widths[place] ?? 0)).join(' | ')} |`)
  return [head, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body].join('\n')
}

export const formatFinding = ({ suite, subject, what, request, answer }: Finding): string =>
  [`${suite} ${subject}: ${what}`, request, answer].filter((line) => line !== '').join('\n    ')

/** Overwrites the last report of this name; returns its path. */
export function writeReport(resultsDir: string, name: string, seed: number, results: readonly SuiteResult[]): string {
  mkdirSync(resultsDir, { recursive: true })
  const file = join(resultsDir, `${name}.json`)
  const suites = results.map(({ suite, requests, notes }) => ({ suite, requests, notes }))
  const findings = results.flatMap((result) => result.findings)
  writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString(), seed, suites, findings, rows: toRows(results) }, null, 2)}\n`)
  return file
}
