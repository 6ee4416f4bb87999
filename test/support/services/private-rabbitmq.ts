/** A RabbitMQ broker of one's own: own node, ports, folder, cookie and epmd; ends with this process, even by SIGKILL. */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { pickPorts } from './ports.ts'
import { findRabbitmqScripts, type RabbitmqScripts } from './rabbitmq-binary.ts'
import { probeRabbitmq } from './rabbitmq-probe.ts'
import { pollUntil } from './wait.ts'

export interface PrivateRabbitmqOptions {
  /** Without the host. Default: one that nobody else has. */
  readonly nodeName?: string
  readonly port?: number
  /** Where the node keeps everything. Default: a temporary folder that stop() removes. */
  readonly dir?: string
}

export interface PrivateRabbitmq {
  readonly url: string
  /** Of the Erlang VM that runs now; changes with restart(). */
  readonly pid: number
  /** SIGKILL. Resolves when no process is left. */
  kill(): Promise<void>
  /** Orderly end; the folder goes too unless it was given. Tolerates twice and a killed broker. */
  stop(): Promise<void>
  /** Ends it in order if it runs, then starts it on the same folder and port. Resolves when it accepts connections. */
  restart(): Promise<void>
  /** Runs rabbitmqctl on the node. Resolves with its standard output; rejects when it fails. */
  ctl(args: readonly string[]): Promise<string>
}

interface Node {
  readonly scripts: RabbitmqScripts
  readonly dir: string
  readonly url: string
  readonly env: Readonly<Record<string, string>>
}

interface Running {
  readonly pid: number
  /** Ends whatever is left of the process group, at once. */
  readonly leash: Writable
  readonly exited: Promise<unknown>
}

const startLimitMs = 90_000
const stopLimitMs = 15_000

/** Starts a broker without plugins that listens on 127.0.0.1 only. Resolves when it accepts guest/guest. */
export async function startPrivateRabbitmq(options: PrivateRabbitmqOptions = {}): Promise<PrivateRabbitmq> {
  const scripts = findRabbitmqScripts()
  if (!scripts) throw new Error('RabbitMQ is not installed: no rabbitmq-server was found')
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'tenantry-rabbitmq-'))
  const node = await prepareNode(scripts, dir, options)
  let running = await launch(node)

  return {
    url: node.url,
    get pid() {
      return running.pid
    },
    kill: () => end(running, 'SIGKILL'),
    stop: async () => {
      await end(running, 'SIGTERM')
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true })
    },
    restart: async () => {
      await end(running, 'SIGTERM')
      running = await launch(node)
    },
    ctl: async (args) => (await promisify(execFile)(scripts.ctl, [...args], { env: node.env, timeout: 120_000 })).stdout,
  }
}

async function prepareNode(scripts: RabbitmqScripts, dir: string, options: PrivateRabbitmqOptions): Promise<Node> {
  const [anyPort, distPort, epmdPort] = await pickPorts(3)
  const port = options.port ?? anyPort
  const nodeName = options.nodeName ?? `tenantry-${process.pid}-${randomBytes(3).toString('hex')}`
  const inDir = (name: string): string => join(dir, name)
  mkdirSync(inDir('log'), { recursive: true })
  writeFileSync(inDir('enabled_plugins'), '[].\n')
  writeFileSync(inDir('rabbitmq.conf'), '')
  writeFileSync(inDir('rabbitmq-env.conf'), '')
  rmSync(inDir('.erlang.cookie'), { force: true })
  writeFileSync(inDir('.erlang.cookie'), randomBytes(20).toString('hex'), { mode: 0o400 })
  const env = {
    PATH: `${process.env.PATH}:/usr/sbin:/usr/bin:/sbin:/bin`,
    LANG: 'C.UTF-8',
    HOME: dir,
    ERL_EPMD_PORT: `${epmdPort}`,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `${nodeName}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: `${port}`,
    RABBITMQ_DIST_PORT: `${distPort}`,
    RABBITMQ_CONF_ENV_FILE: inDir('rabbitmq-env.conf'),
    RABBITMQ_CONFIG_FILE: inDir('rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: inDir('enabled_plugins'),
    RABBITMQ_MNESIA_BASE: inDir('mnesia'),
    RABBITMQ_LOG_BASE: inDir('log'),
    RABBITMQ_PID_FILE: inDir('pid'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    // The script then becomes the Erlang VM instead of watching over it: its pid is the VM's.
    detached: 'true',
  }
  return { scripts, dir, env, url: `amqp://guest:guest@127.0.0.1:${port}` }
}

// One process group: epmd in the foreground, a watcher that ends the group when our end of the pipe (fd 3) closes, the VM.
const launchScript = `
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)" 2>/dev/null
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 3<&- &
{ read -r _ <&3; kill -KILL -$$; } &
exec "$0" 3<&-`

async function launch(node: Node): Promise<Running> {
  const log = openSync(join(node.dir, 'startup.log'), 'w')
  const child = spawn('/bin/sh', ['-c', launchScript, node.scripts.server], {
    cwd: node.dir,
    env: node.env,
    detached: true,
    stdio: ['ignore', log, log, 'pipe'],
  })
  closeSync(log)
  await once(child, 'spawn')
  child.unref()
  const leash = child.stdio[3] as Writable
  leash.on('error', () => {})
  const running: Running = { pid: child.pid ?? 0, leash, exited: once(child, 'exit') }
  try {
    await pollUntil(startLimitMs, 'RabbitMQ accepts connections', async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error('RabbitMQ ended while it started')
      return (await probeRabbitmq(node.url, 5000)) === undefined
    })
    return running
  } catch (error) {
    await end(running, 'SIGKILL')
    const output = readFileSync(join(node.dir, 'startup.log'), 'utf8').trim().slice(-600)
    throw new Error(`a private RabbitMQ cannot be started: ${String(error)}; it said: ${output}`)
  }
}

async function end(running: Running, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (signal === 'SIGTERM' && sendSignal(running.pid, signal)) {
    await Promise.race([running.exited, new Promise((resolve) => setTimeout(resolve, stopLimitMs).unref())])
  }
  sendSignal(-running.pid, 'SIGKILL')
  running.leash.destroy()
  await pollUntil(stopLimitMs, 'RabbitMQ and its epmd are gone', () => !sendSignal(-running.pid, 0))
}

/** False when there is no such process, or no process in the group for a negative number. */
function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}
