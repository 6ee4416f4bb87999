/** A node of the engine as production runs it: a process of its own, spoken to over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { TenantId } from '../../../src/core/ids.ts'
import { commonEnvironment } from '../../support/process.ts'
import { pickPorts } from '../../support/services/ports.ts'

export interface EngineNode {
  readonly url: string
  readonly token: string
  /** From the start of the process to the first 200 of /readyz. */
  readonly readyMs: number
  /** Rejects for any status from 400 on. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>
  createTenant(name: string): Promise<TenantId>
  /** Resident memory of the process, in KiB. */
  rssKib(): number
  /** Processor time of the process since its start, in seconds; in steps of 10 ms. */
  cpuSeconds(): number
  /** SIGTERM, and waits for the end. Tolerates twice. */
  stop(): Promise<void>
}

export interface EngineOptions {
  /** On top of the defaults: DATABASE_URL, RABBITMQ_URL, DATA_DIR … */
  readonly env: Readonly<Record<string, string>>
  /** What starts it; default: this Node on src/main.ts. */
  readonly command?: readonly [string, ...string[]]
  /** Where a CPU profile is written when the node ends. */
  readonly profileDir?: string | undefined
}

const root = join(import.meta.dirname, '../../..')
const admin = { username: 'admin', password: 'only-for-benchmarks' }
const startLimitMs = 120_000

/** Resolves when the node is ready. */
export async function startEngine(options: EngineOptions): Promise<EngineNode> {
  const dir = mkdtempSync(join(tmpdir(), 'tenantry-bench-'))
  const [port] = await pickPorts(1)
  const url = `http://127.0.0.1:${port}`
  const profiling = options.profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profileDir}`]
  const [program, ...args] = options.command ?? [process.execPath, ...profiling, join(root, 'src/main.ts')]
  const log = openSync(join(dir, 'engine.log'), 'w')
  const startedAt = performance.now()
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', log, log],
    // A group of its own: npm starts the node as its child, and both must hear a signal.
    detached: true,
    env: {
      PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
      HOME: process.env.HOME,
      HOST: '127.0.0.1',
      PORT: `${port}`,
      DATA_DIR: join(dir, 'data'),
      LOG_LEVEL: 'warn',
      ADMIN_USERNAME: admin.username,
      ...commonEnvironment,
      ADMIN_PASSWORD: admin.password,
      ...options.env,
    },
  })
  closeSync(log)
  const exited = once(child, 'exit')
  const killGroup = () => signalGroup(child, 'SIGKILL')
  process.once('exit', killGroup)
  const cleanUp = () => {
    process.off('exit', killGroup)
    rmSync(dir, { recursive: true, force: true })
  }

  try {
    const readyMs = await waitUntilReady(child, url, startedAt)
    const { token } = await request<{ token: string }>(url, 'POST', '/v1/auth/login', undefined, admin)
    const call = <T>(method: string, path: string, body?: unknown) => request<T>(url, method, `/v1${path}`, token, body)
    return {
      url,
      token,
      readyMs,
      call,
      createTenant: async (name) => (await call<{ id: TenantId }>('POST', '/tenants', { name })).id,
      rssKib: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0),
      cpuSeconds: () => readCpuSeconds(readFileSync(`/proc/${child.pid}/stat`, 'utf8')),
      async stop() {
        signalGroup(child, 'SIGTERM')
        await exited
        cleanUp()
      },
    }
  } catch (error) {
    killGroup()
    const output = readFileSync(join(dir, 'engine.log'), 'utf8').slice(-2000)
    cleanUp()
    throw new Error(`the engine did not start: ${String(error)}\n${output}`)
  }
}

/** Fields 14 and 15 of proc_pid_stat(5), in hundredths; the name in parentheses may hold spaces. */
function readCpuSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function waitUntilReady(child: ChildProcess, url: string, startedAt: number): Promise<number> {
  for (;;) {
    const ready = await fetch(`${url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    )
    const passedMs = performance.now() - startedAt
    if (ready) return passedMs
    if (child.exitCode !== null) throw new Error(`the process ended with ${child.exitCode}`)
    if (passedMs > startLimitMs) throw new Error(`not ready within ${startLimitMs} ms`)
    await delay(20)
  }
}

async function request<T>(url: string, method: string, path: string, token: string | undefined, body: unknown): Promise<T> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return JSON.parse(text) as T
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}
