/** The program behind `npm run security -- [--profile short|long] [--seed N] [--only credentials,ids,injection,cursors,fuzz,rows,slow]`. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type SuiteName, suiteNames } from './finding.ts'
import { type Profile, profiles } from './profile.ts'
import { formatFinding, formatRows, neverAccepted, toRows, writeReport } from './report.ts'
import { runSuites } from './run-suites.ts'

interface Plan {
  readonly profile: Profile
  readonly seed: number
  readonly only: readonly SuiteName[]
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
const plan = readPlan(process.argv.slice(2))
process.exitCode = plan === undefined ? 2 : await run(plan)

async function run({ profile, seed, only }: Plan): Promise<number> {
  const startedMs = performance.now()
  const say = (line: string): void => console.log(`${String(Math.round((performance.now() - startedMs) / 1000)).padStart(5)} s  ${line}`)
  console.log(`profile ${profile.name}, seed ${seed}, suites ${only}`)
  const results = await runSuites({ profile, seed, only, say })
  const findings = results.flatMap((result) => result.findings)
  console.log(`\n${formatRows(toRows(results))}\n`)
  for (const { suite, requests, notes } of results) console.log([`${suite}: ${requests} requests`, ...notes].join('; '))
  const unaccepted = neverAccepted(toRows(results))
  if (unaccepted.length > 0) console.log(`no call accepted of ${unaccepted.join(', ')}`)
  for (const finding of findings) console.log(`\nFAIL ${formatFinding(finding)}`)
  const total = results.reduce((sum, { requests }) => sum + requests, 0)
  const file = writeReport(join(import.meta.dirname, 'results'), profile.name, seed, results)
  console.log(`\n${total} requests, ${findings.length} findings with seed ${seed}; written to ${file}`)
  return findings.length > 0 ? 1 : 0
}

/** undefined, with the reason on standard error, when the arguments make no sense. */
function readPlan(args: readonly string[]): Plan | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { profile: { type: 'string', default: 'long' }, seed: { type: 'string' }, only: { type: 'string' } },
    })
    const profile = profiles[values.profile as keyof typeof profiles]
    if (!profile) throw new RangeError(`no profile ${values.profile}; there are ${Object.keys(profiles).join(', ')}`)
    const names = values.only?.split(',') ?? [...suiteNames]
    const unknown = names.filter((name) => !suiteNames.some((known) => known === name))
    if (unknown.length > 0) throw new RangeError(`no suite ${unknown}; there are ${suiteNames.join(', ')}`)
    const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed)
    if (!Number.isInteger(seed) || seed < 0) throw new RangeError(`${values.seed} is not a whole number`)
    return { profile, seed, only: suiteNames.filter((name) => names.includes(name)) }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return undefined
  }
}
