/** The engine as a process that is ended and started again, as a service manager would. */
import type { Api } from '../../support/api.ts'
import { type NodeProcess, type ProcessExit, startNodeProcess } from '../../support/process.ts'
import { within } from '../../support/services/wait.ts'

export interface Engine extends AsyncDisposable {
  /** undefined while no process answers. */
  api(): Api | undefined
  /** Of the process that answers. */
  readonly pid: number | undefined
  /** Starts a process and resolves when it is ready. */
  start(): Promise<void>
  /** Sends a signal to a process that goes on. */
  signal(signal: NodeJS.Signals): void
  /** Sends a signal, and SIGKILL if that has not ended the process `patienceMs` later. Resolves when it has ended. */
  end(signal: NodeJS.Signals, patienceMs?: number): Promise<ProcessExit>
  /** What nobody asked for: each is a violation. */
  readonly surprises: readonly string[]
  /** What all of its processes have written. */
  output(): string
}

const exitLimitMs = 45_000

/** Nothing is started yet. A process that ends by itself is started again, and remembered as a surprise. */
export function createEngine(env: Readonly<Record<string, string>>): Engine {
  const surprises: string[] = []
  const asked = new Set<NodeProcess>()
  const started: NodeProcess[] = []
  let node: NodeProcess | undefined
  let token: string | undefined

  const start = async (): Promise<void> => {
    const starting = await startNodeProcess(env, token)
    node = starting
    started.push(starting)
    token = starting.api.token
    void starting.exited.then(({ code, signal }) => {
      node = undefined
      surprises.push(...listErrors(starting))
      if (asked.has(starting)) return
      surprises.push(`the engine ended by itself with ${code ?? signal}: ${starting.output().slice(-1_000)}`)
      start().catch((error: unknown) => surprises.push(`the engine does not start again: ${String(error)}`))
    })
  }
  return {
    api: () => node?.api,
    get pid() {
      return node?.pid
    },
    start,
    async end(signal, patienceMs) {
      const ending = node
      if (!ending) throw new Error('there is no engine to end')
      asked.add(ending)
      ending.kill(signal)
      const timer = patienceMs === undefined ? undefined : setTimeout(() => ending.kill('SIGKILL'), patienceMs)
      try {
        const exit = await within(exitLimitMs, `the engine ends after ${signal}`, ending.exited)
        if (exit.signal === null && exit.code !== 0) surprises.push(`the engine ended with ${exit.code} after ${signal}`)
        return exit
      } finally {
        clearTimeout(timer)
      }
    },
    signal: (signal) => node?.kill(signal),
    get surprises() {
      return node ? [...surprises, ...listErrors(node)] : surprises
    },
    output: () => started.map((each) => each.output()).join(''),
    async [Symbol.asyncDispose]() {
      if (!node) return
      asked.add(node)
      await node[Symbol.asyncDispose]()
    },
  }
}

/** The log's level for defects: a dependency that is away is a warning. */
const listErrors = (node: NodeProcess): string[] =>
  node.log().flatMap((line) => (line.level === 'error' || line.level === 'fatal' ? [`logged: ${JSON.stringify(line).slice(0, 600)}`] : []))
