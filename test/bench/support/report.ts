/** What a benchmark answers, as tables and as a JSON file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Cell = string | number

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

export interface Target {
  readonly text: string
  readonly value: number
  readonly goal: number
  readonly wants: 'at least' | 'at most'
}

export interface Result {
  readonly name: string
  /** What exactly was measured. */
  readonly measured: string
  readonly versions: Readonly<Record<string, string>>
  readonly tables: readonly Table[]
  readonly targets: readonly Target[]
}

export interface BenchOptions {
  /** Instead of the benchmark's own figures. */
  readonly messages: number | undefined
  readonly rounds: number | undefined
  /** Writes a CPU profile of the engine and prints where its time went. */
  readonly profile: boolean
  readonly say: (line: string) => void
}

export type Benchmark = (options: BenchOptions) => Promise<Result>

const resultsDir = join(import.meta.dirname, '../results')

const isMet = ({ value, goal, wants }: Target): boolean => (wants === 'at least' ? value >= goal : value <= goal)

export function printResult(result: Result): void {
  console.log(`\n${result.name}: ${result.measured}`)
  console.log(
    Object.entries({ ...result.versions, date: new Date().toISOString() })
      .map((entry) => entry.join(' '))
      .join(', '),
  )
  for (const table of result.tables) console.log(`\n${formatTable(table)}`)
  const rows = result.targets.map((target) => [
    target.text,
    target.value,
    `${target.wants} ${target.goal}`,
    isMet(target) ? 'met' : 'MISSED',
  ])
  console.log(`\n${formatTable({ title: 'targets', columns: ['target', 'measured', 'goal', ''], rows })}`)
}

/** Overwrites the last result of the same name. */
export function writeResult(result: Result): string {
  mkdirSync(resultsDir, { recursive: true })
  const file = join(resultsDir, `${result.name}.json`)
  writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString(), ...result }, null, 2)}\n`)
  return file
}

function formatTable({ title, columns, rows }: Table): string {
  const lines = [columns, ...rows.map((row) => row.map(formatCell))]
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const [head, ...body] = lines.map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`)
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [title, '', head, rule, ...body].join('\n')
}

function formatCell(cell: Cell): string {
  if (typeof cell === 'string') return cell
  if (Math.abs(cell) >= 1000) return Math.round(cell).toLocaleString('en-US')
  return Number.isInteger(cell) ? `${cell}` : cell.toFixed(2)
}
