/** Installs RabbitMQ from the distribution's packages, without starting the system's service. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, writeFileSync } from 'node:fs'

const policyFile = '/usr/sbin/policy-rc.d'

/** Resolves when the package is installed. Needs root. Errors: says which command failed, with its last lines. */
export async function installRabbitmq(signal: AbortSignal): Promise<void> {
  const ownsPolicy = !existsSync(policyFile)
  // Debian's packages ask this program before they start a service; 101 forbids it.
  if (ownsPolicy) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await runApt(['update'], signal)
    await runApt(['install', '-y', '--no-install-recommends', 'rabbitmq-server'], signal)
  } finally {
    if (ownsPolicy) rmSync(policyFile, { force: true })
  }
}

async function runApt(args: readonly string[], signal: AbortSignal): Promise<void> {
  const options = ['-q', '-o', 'Acquire::http::Timeout=15', '-o', 'Acquire::https::Timeout=15', '-o', 'Acquire::Retries=1']
  const child = spawn('apt-get', [...options, ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(300_000)]),
  })
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = `${output}${chunk}`.slice(-2000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`apt-get ${args.join(' ')} ended with ${code}: ${output.trim().split('\n').slice(-3).join(' / ')}`)
}
