/** The program behind `npm test`: finds or starts the servers, runs mocha with its arguments, stops what it started. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { provideDatabase } from './support/services/database.ts'
import { provideRabbitmq } from './support/services/rabbitmq.ts'
import type { Service } from './support/services/service.ts'
import { selectSpecs } from './support/specs.ts'

const root = join(import.meta.dirname, '..')
const interrupted = new AbortController()
const running = new Set<ChildProcess>()
let interruptedAtMs = 0

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
process.chdir(root)
process.exitCode = await run(process.argv.slice(2))
process.exit()

async function run(args: readonly string[]): Promise<number> {
  const { lanes, options, needsServices } = selectSpecs(args)
  const services = needsServices ? await startServices() : {}
  if (services === undefined) return interrupted.signal.aborted ? 130 : 1
  try {
    const env = Object.fromEntries(Object.entries(services).map(([name, service]) => [name, service.url]))
    return interrupted.signal.aborted ? 130 : await runLanes(lanes, options, env)
  } finally {
    await stopServices(Object.values(services))
  }
}

/** By the variable that tells the tests; undefined, with the reason on standard error, when one cannot be had. */
async function startServices(): Promise<Readonly<Record<string, Service>> | undefined> {
  const say = (line: string): void => console.log(line)
  const [database, rabbitmq] = await Promise.allSettled([provideDatabase(), provideRabbitmq({ say, signal: interrupted.signal })])
  const outcomes = { PostgreSQL: database, RabbitMQ: rabbitmq }
  for (const [name, outcome] of Object.entries(outcomes)) {
    if (outcome.status === 'fulfilled') say(`${name}: ${outcome.value.description}`)
    else console.error(`${name}: ${outcome.reason instanceof Error ? outcome.reason.message : outcome.reason}`)
  }
  if (database.status === 'fulfilled' && rabbitmq.status === 'fulfilled') {
    return { TENANTRY_TEST_DATABASE_URL: database.value, TENANTRY_TEST_RABBITMQ_URL: rabbitmq.value }
  }
  await stopServices([database, rabbitmq].flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])))
  return undefined
}

async function stopServices(services: readonly Service[]): Promise<void> {
  for (const outcome of await Promise.allSettled(services.map((service) => service.stop()))) {
    if (outcome.status === 'rejected') console.error(`a server could not be stopped: ${outcome.reason}`)
  }
}

/** All lanes at once: the first one's lines as they come, each other's when those before it have ended. */
async function runLanes(lanes: readonly (readonly string[])[], options: readonly string[], env: Readonly<Record<string, string>>) {
  let before: Promise<unknown> = Promise.resolve()
  const codes: Promise<number>[] = []
  for (const specs of lanes) {
    const { code, printed } = runMocha([...options, ...specs], env, before)
    before = printed
    codes.push(code)
  }
  await before
  return Math.max(...(await Promise.all(codes)))
}

function runMocha(args: readonly string[], env: Readonly<Record<string, string>>, mayPrint: Promise<unknown>) {
  // A group of its own: mocha starts a second process, and an interrupt must reach both.
  const mocha = spawn(process.execPath, [join(root, 'node_modules/mocha/bin/mocha.js'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: { ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}), ...process.env, ...env },
  })
  running.add(mocha)
  const lines: Buffer[] = []
  let isPrinting = false
  mocha.stdout.on('data', (chunk: Buffer) => {
    if (isPrinting) process.stdout.write(chunk)
    else lines.push(chunk)
  })
  void mayPrint.then(() => {
    isPrinting = true
    for (const chunk of lines) process.stdout.write(chunk)
  })
  const code = once(mocha, 'close').then(([exitCode]: unknown[]) => {
    running.delete(mocha)
    return interrupted.signal.aborted ? 130 : typeof exitCode === 'number' ? exitCode : 1
  })
  return { code, printed: Promise.all([code, mayPrint]) }
}

/** The first interrupt asks mocha to end, a later one ends at once: the servers notice that this process is gone. */
function interrupt(): void {
  if (interrupted.signal.aborted) {
    // Under npm, one Ctrl-C arrives twice: from the terminal and from npm.
    if (performance.now() - interruptedAtMs > 1000) process.exit(130)
    return
  }
  interruptedAtMs = performance.now()
  interrupted.abort()
  for (const { pid } of running) {
    if (pid === undefined) continue
    process.kill(-pid, 'SIGTERM')
    setTimeout(() => process.kill(-pid, 'SIGKILL'), 10_000).unref()
  }
}
