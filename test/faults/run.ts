/** The program behind `npm run faults -- [--profile short|long] [--seed N] [--fault name,…] [--trials N] [--broker rabbitmq|postgres]`. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type BrokerKind, brokerKinds } from '../support/installation.ts'
import type { Fault } from './faults/fault.ts'
import { faults } from './faults/registry.ts'
import { type Profile, profiles } from './profile.ts'
import { formatRows, toRows, writeReport } from './report.ts'
import { startServers } from './stage/servers.ts'
import { runTrial, type TrialResult } from './trial.ts'

const resultsDir = join(import.meta.dirname, 'results')

interface Plan {
  readonly profile: Profile
  readonly seed: number
  readonly trials: number
  readonly faults: readonly Fault[]
  readonly brokers: readonly BrokerKind[]
  readonly rabbitmqUrl: string | undefined
}

// The servers notice that this process is gone; the engine is ended by its exit handlers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
const plan = readPlan(process.argv.slice(2))
process.exitCode = plan === undefined ? 2 : await run(plan)

async function run(plan: Plan): Promise<number> {
  console.log(`profile ${plan.profile.name}, seed ${plan.seed}, ${plan.trials} trials of each fault`)
  const results: TrialResult[] = []
  let broken = 0
  for (const broker of plan.brokers) {
    await using servers = await startServers(broker, plan.rabbitmqUrl)
    const able = plan.faults.filter(
      ({ brokers, needsBrokerProcess }) => brokers.includes(broker) && !(needsBrokerProcess && broker === 'rabbitmq' && !servers.rabbitmq),
    )
    for (const fault of able) {
      for (let trial = 0; trial < plan.trials; trial++) {
        const { profile, seed } = plan
        const options = { broker, servers, profile, faults: [fault], seed: seed + trial, resultsDir, say: () => {} }
        try {
          const result = await runTrial(options)
          results.push(result)
          sayTrial(plan, result)
        } catch (error) {
          broken++
          console.log(`FAIL ${broker} ${fault.name} seed ${options.seed}: the trial broke: ${error instanceof Error ? error.stack : error}`)
        }
      }
    }
  }
  console.log(`\n${formatRows(toRows(results))}\n\nwritten to ${writeReport(resultsDir, plan.profile.name, results)}`)
  return broken > 0 || results.some(({ complaints }) => complaints.length > 0) ? 1 : 0
}

function sayTrial(plan: Plan, { broker, faults, seed, verdict, recoveries, complaints, historyFile, slowestCallMs }: TrialResult): void {
  const [name] = faults
  const counts = `${verdict.accepted} accepted, ${verdict.unknown} unknown, ${verdict.repeatedRuns} runs repeated`
  const recovered = recoveries.map(({ workingMs, caughtUpMs }) => `works after ${workingMs} ms, caught up after ${caughtUpMs} ms, `)
  const times = `${recovered.join('')}slowest call ${slowestCallMs} ms`
  console.log(`${complaints.length === 0 ? 'ok  ' : 'FAIL'} ${broker} ${name} seed ${seed}: ${counts}, ${times}`)
  for (const complaint of complaints.slice(0, 10)) console.log(`     ${complaint}`)
  if (complaints.length > 10) console.log(`     … and ${complaints.length - 10} more`)
  if (complaints.length === 0) return
  console.log(`     again: npm run faults -- --profile ${plan.profile.name} --broker ${broker} --fault ${name} --trials 1 --seed ${seed}`)
  console.log(`     history: ${historyFile}`)
}

/** undefined, with the reason on standard error, when the arguments make no sense. */
function readPlan(args: readonly string[]): Plan | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        profile: { type: 'string', default: 'long' },
        seed: { type: 'string' },
        fault: { type: 'string' },
        trials: { type: 'string' },
        broker: { type: 'string' },
      },
    })
    const profile = profiles[values.profile as keyof typeof profiles]
    if (!profile) throw new RangeError(`no profile ${values.profile}; there are ${Object.keys(profiles).join(', ')}`)
    const names = values.fault?.split(',') ?? faults.map(({ name }) => name)
    const unknown = names.filter((name) => !faults.some((fault) => fault.name === name))
    if (unknown.length > 0) throw new RangeError(`no fault ${unknown}; there are ${faults.map(({ name }) => name).join(', ')}`)
    return {
      profile,
      seed: readNumber(values.seed) ?? Math.floor(Math.random() * 1e9),
      trials: readNumber(values.trials) ?? profile.trials,
      faults: faults.filter(({ name }) => names.includes(name)),
      brokers: brokerKinds.filter((kind) => values.broker === undefined || values.broker === kind),
      rabbitmqUrl: process.env.TENANTRY_TEST_RABBITMQ_URL,
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return undefined
  }
}

function readNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isInteger(number) || number < 0) throw new RangeError(`${text} is not a whole number`)
  return number
}
