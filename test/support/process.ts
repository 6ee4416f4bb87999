/** `node src/main.ts` as a process of its own, from its start to its last line. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Api, adminPassword, connectApi, createApi, installationSecret } from './api.ts'
import type { Installation } from './installation.ts'
import { within } from './services/wait.ts'

export const repositoryDir = join(import.meta.dirname, '../..')

export interface ProcessExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [key: string]: unknown
}

export interface EngineProcess extends AsyncDisposable {
  readonly pid: number
  /** Everything it has written to standard output and standard error. */
  output(): string
  /** The lines of its JSON log. */
  log(): readonly LogLine[]
  kill(signal: NodeJS.Signals): void
  readonly exited: Promise<ProcessExit>
}

export interface NodeProcess extends EngineProcess {
  readonly url: string
  readonly api: Api
}

const startLimitMs = 120_000

type Environment = Readonly<Record<string, string>>

/** Starts it with this environment and no other setting. Ended by SIGKILL, when it still runs, with its disposal. */
export function startProcess(env: Environment): EngineProcess {
  const child = spawn(process.execPath, ['src/main.ts'], {
    cwd: repositoryDir,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', LOG_FORMAT: 'json', HOST: '127.0.0.1', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  // A run that is given up leaves no node behind.
  const killAtExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killAtExit)
  child.once('exit', () => process.off('exit', killAtExit))
  // 'close' comes after the last byte of output.
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }) as ProcessExit)
  return {
    pid: child.pid ?? 0,
    output: () => output,
    log: () => output.split('\n').flatMap(readLogLine),
    kill: (signal) => void child.kill(signal),
    exited,
    async [Symbol.asyncDispose]() {
      if (isRunning(child)) child.kill('SIGKILL')
      await exited
    },
  }
}

/** What nodes that tests and benchmarks start have in common: one secret, no limit for those who ask often, tokens for a long run. */
export const commonEnvironment: Environment = {
  ADMIN_PASSWORD: adminPassword,
  TENANTRY_SECRET: installationSecret,
  TENANTRY_HTTP_RATE_LIMITS_MANAGEMENT_PER_SECOND: '0',
  TENANTRY_AUTH_TOKEN_TTL_SECONDS: '86400',
}

/** The environment of a node of this installation. */
export const environmentOf = (installation: Installation): Environment => ({
  ...commonEnvironment,
  DATABASE_URL: installation.databaseUrl,
  ...(installation.rabbitmqUrl === undefined ? {} : { RABBITMQ_URL: installation.rabbitmqUrl }),
  DATA_DIR: installation.dir,
  TENANTRY_DATABASE_POOL_SIZE: '4',
})

/** Starts it and resolves when it is ready; with a token of an earlier start nobody logs in again. */
export async function startNodeProcess(env: Environment, token?: string): Promise<NodeProcess> {
  const started = startProcess(env)
  try {
    const url = await within(startLimitMs, 'the node is ready', readAddress(started))
    const api = token === undefined ? await connectApi(url, { password: env.ADMIN_PASSWORD ?? '' }) : createApi(url, token)
    return { ...started, url, api }
  } catch (error) {
    await started[Symbol.asyncDispose]()
    throw new Error(`${String(error)}; it wrote: ${started.output().slice(-2000)}`)
  }
}

async function readAddress(started: EngineProcess): Promise<string> {
  let ended: ProcessExit | undefined
  void started.exited.then((exit) => {
    ended = exit
  })
  for (;;) {
    const port = /ready: http:\/\/[^:]+:(\d+)/.exec(started.output())?.[1]
    if (port !== undefined) return `http://127.0.0.1:${port}`
    if (ended) throw new Error(`the node ended with ${ended.code ?? ended.signal}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null

function readLogLine(line: string): LogLine[] {
  try {
    const parsed: unknown = JSON.parse(line)
    return typeof parsed === 'object' && parsed !== null && 'msg' in parsed ? [parsed as LogLine] : []
  } catch {
    return []
  }
}
