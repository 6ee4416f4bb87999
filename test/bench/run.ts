/** The program behind `npm run bench -- [name…] [--messages N] [--rounds N] [--profile]`. */
import { parseArgs } from 'node:util'
import { runIdle } from './benchmarks/idle.ts'
import { runIsolation } from './benchmarks/isolation.ts'
import { runLatency } from './benchmarks/latency.ts'
import { runMemory } from './benchmarks/memory.ts'
import { runPublish } from './benchmarks/publish.ts'
import { runReconnect } from './benchmarks/reconnect.ts'
import { runRetries } from './benchmarks/retries.ts'
import { runStartup } from './benchmarks/startup.ts'
import { runTenants } from './benchmarks/tenants.ts'
import { runThroughput } from './benchmarks/throughput.ts'
import { runWatch } from './benchmarks/watch.ts'
import { type Benchmark, printResult, writeResult } from './support/report.ts'

const benchmarks: Readonly<Record<string, Benchmark>> = {
  throughput: runThroughput,
  tenants: runTenants,
  publish: runPublish,
  latency: runLatency,
  startup: runStartup,
  idle: runIdle,
  reconnect: runReconnect,
  memory: runMemory,
  retries: runRetries,
  isolation: runIsolation,
  watch: runWatch,
}

// The engine has a process group of its own: exit handlers end it, the servers notice that this process is gone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
process.exitCode = await run(process.argv.slice(2))

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { messages: { type: 'string' }, rounds: { type: 'string' }, profile: { type: 'boolean', default: false } },
  })
  const unknown = positionals.filter((name) => !(name in benchmarks))
  if (unknown.length > 0) {
    console.error(`no such benchmark: ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}`)
    return 1
  }
  const options = {
    messages: readCount(values.messages),
    rounds: readCount(values.rounds),
    profile: values.profile,
    say: (line: string) => console.error(`  ${line}`),
  }
  for (const [name, benchmark] of Object.entries(benchmarks)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    console.error(`${name} …`)
    const result = await benchmark(options)
    printResult(result)
    console.log(`\nwritten to ${writeResult(result)}`)
  }
  return 0
}

function readCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new RangeError(`${text} is not a whole number above 0`)
}
