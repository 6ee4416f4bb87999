/** How one short program is run, as ourselves or as the server's account, with a deadline. */
import { spawn } from 'node:child_process'

/** The operating-system account that the server runs as; undefined wherever one is optional means this process's own. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

export interface RunOptions {
  readonly account: Account | undefined
  readonly cwd: string
  readonly timeoutMs: number
  /** Written to the program's standard input. */
  readonly input?: string
}

/**
 * The environment of every program started here: no `PG*` variable, locale or secret of ours reaches it.
 * The C locale exists everywhere, and a fixed time zone spares initdb a search through the system's zones.
 */
export const serverEnvironment: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
}

/**
 * Runs a program to its end.
 *
 * Shape:  `output` is what it wrote, standard output and error together; `ok` is exit code 0.
 * Errors: none; a program that cannot be started or outlives its deadline (SIGKILL) is `ok: false`.
 */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<{ ok: boolean; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...options.account,
      cwd: options.cwd,
      env: serverEnvironment,
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      stdio: 'pipe',
    })
    let output = ''
    const collect = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    // A program that ends without reading its input must not fail the run by EPIPE.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.once('error', (error) => resolve({ ok: false, output: output + error.message }))
    child.once('close', (code) => resolve({ ok: code === 0, output: output.trim() }))
  })
}
