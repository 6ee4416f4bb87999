/** `node test/unit/ops/metrics-table.ts --write`: puts the table of all metrics into docs/operations.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readExposedMetrics } from './exposed-metrics.ts'

export const operationsPath = join(import.meta.dirname, '../../../docs/operations.md')

const start = '<!-- metrics: written by test/unit/ops/metrics-table.ts -->'
const end = '<!-- metrics end -->'

/** The document with the table as the registry has it. */
export async function withMetricsTable(document: string): Promise<string> {
  const metrics = await readExposedMetrics()
  const rows = metrics.map(
    ({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help.replaceAll('|', '\\|')} |`,
  )
  const table = ['| metric | type | labels | says |', '|---|---|---|---|', ...rows].join('\n')
  const [before, after] = [document.indexOf(start), document.indexOf(end)]
  if (before < 0 || after < before) throw new Error('docs/operations.md has no place for the table of metrics')
  return `${document.slice(0, before + start.length)}\n\n${table}\n\n${document.slice(after)}`
}

if (process.argv.includes('--write')) writeFileSync(operationsPath, await withMetricsTable(readFileSync(operationsPath, 'utf8')))
