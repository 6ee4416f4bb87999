/** How long an embedded start takes until /readyz says yes: with an empty data directory, and later. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEngine } from '../support/engine.ts'
import type { Benchmark } from '../support/report.ts'
import { median } from '../support/statistics.ts'

const commands = {
  'npm start': ['npm', 'start'],
  'node src/main.ts': [process.execPath, 'src/main.ts'],
} as const

type Command = keyof typeof commands

export const runStartup: Benchmark = async ({ rounds = 5, say }) => {
  const names = Object.keys(commands) as Command[]
  const measured = names.map((name) => ({ name, first: [] as number[], later: [] as number[] }))
  for (let round = 0; round < rounds; round++) {
    for (const { name, first, later } of measured) {
      const dir = mkdtempSync(join(tmpdir(), 'tenantry-bench-'))
      try {
        first.push(await timeStart(name, dir))
        later.push(await timeStart(name, dir))
        say(`round ${round + 1}: ${name}: first ${Math.round(first.at(-1) ?? 0)} ms, later ${Math.round(later.at(-1) ?? 0)} ms`)
      } finally {
        rmSync(dir, { recursive: true, force: true })
      }
    }
  }
  return {
    name: 'startup',
    measured:
      'from the start of the process to the first 200 of /readyz (asked every 20 ms), database and queue embedded; first: empty data directory, later: the same one after an orderly stop',
    versions: { node: process.version },
    tables: [
      {
        title: `${rounds} starts of each kind`,
        columns: ['command', 'first ms', 'slowest', 'later ms', 'slowest'],
        rows: measured.map(({ name, first, later }) => [name, median(first), Math.max(...first), median(later), Math.max(...later)]),
      },
    ],
    targets: measured.flatMap(({ name, first, later }) => [
      { text: `P8 first start in s, ${name}`, value: median(first) / 1000, goal: 10, wants: 'at most' } as const,
      { text: `P8 later start in s, ${name}`, value: median(later) / 1000, goal: 5, wants: 'at most' } as const,
    ]),
  }
}

async function timeStart(name: Command, dir: string): Promise<number> {
  const engine = await startEngine({ command: commands[name], env: { DATA_DIR: join(dir, 'data') } })
  await engine.stop()
  return engine.readyMs
}
