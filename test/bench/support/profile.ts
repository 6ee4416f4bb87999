/** Where a profiled process spent its time. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Table } from './report.ts'

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const root = join(import.meta.dirname, '../../..')
const shown = 40

export const createProfileDir = (): string => mkdtempSync(join(tmpdir(), 'tenantry-profile-'))

/** The functions with the largest self time, over every profile in the folder, idle time left out. */
export function readSelfTimes(dir: string): Table {
  const times = new Map<string, number>()
  for (const file of readdirSync(dir)) {
    const profile = JSON.parse(readFileSync(join(dir, file), 'utf8')) as CpuProfile
    const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, toName(callFrame)]))
    for (const [index, id] of profile.samples.entries()) {
      const name = names.get(id) ?? '?'
      times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0))
    }
  }
  for (const name of ['(idle)', '(root)']) times.delete(name)
  const total = [...times.values()].reduce((sum, time) => sum + time, 0)
  const rows = [...times].sort(([, a], [, b]) => b - a).slice(0, shown)
  return {
    title: `self time of the engine (profiles in ${dir})`,
    columns: ['function', 'ms', 'share'],
    rows: rows.map(([name, time]) => [name, Math.round(time / 1000), `${((100 * time) / total).toFixed(1)} %`]),
  }
}

function toName({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName || '(anonymous)'
  if (url === '') return name
  return `${name} ${url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url}:${lineNumber + 1}`
}
