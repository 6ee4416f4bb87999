/** Finds or starts the broker that the tests of one run share. */
import { existsSync } from 'node:fs'
import { errorText } from '../../../src/core/errors.ts'
import { installRabbitmq } from './apt.ts'
import { startPrivateRabbitmq } from './private-rabbitmq.ts'
import { findRabbitmqScripts } from './rabbitmq-binary.ts'
import { orderRabbitmqSources, type RabbitmqSource } from './rabbitmq-order.ts'
import { probeRabbitmq } from './rabbitmq-probe.ts'
import { foundService, type Service } from './service.ts'
import { within } from './wait.ts'

export interface ProvideOptions {
  /** Receives lines for standard output. */
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/** A source that cannot serve rejects; why is collected for the last error. */
type Provide = (options: ProvideOptions) => Promise<Service>

const localUrl = 'amqp://guest:guest@127.0.0.1:5672'

const provideFrom: Readonly<Record<RabbitmqSource, Provide>> = {
  environment: () => useExisting(process.env.RABBITMQ_URL ?? '', 'the broker of RABBITMQ_URL', 15_000),
  local: () => useExisting(localUrl, 'the broker on 127.0.0.1:5672', 5000),
  container: startContainer,
  installed: () => startInstalled('a private broker of the installed RabbitMQ'),
  apt: async ({ say, signal }) => {
    say('RabbitMQ: not installed; installing rabbitmq-server with apt-get (no service is started)')
    await installRabbitmq(signal)
    return await startInstalled('a private broker of the RabbitMQ just installed')
  },
}

/** Asks the sources of this machine in turn. Errors: one that says why each failed and what to do. */
export async function provideRabbitmq(options: ProvideOptions): Promise<Service> {
  const isRoot = process.getuid?.() === 0
  const sources = orderRabbitmqSources({ hasUrl: Boolean(process.env.RABBITMQ_URL), isRoot, hasApt: existsSync('/usr/bin/apt-get') })
  const failures: string[] = []
  for (const source of sources) {
    options.signal.throwIfAborted()
    try {
      return await provideFrom[source](options)
    } catch (error) {
      failures.push(`  ${source}: ${errorText(error, 300)}`)
    }
  }
  throw new Error(
    `no RabbitMQ for the tests:\n${failures.join('\n')}\n` +
      'Set RABBITMQ_URL, or start Docker, or install rabbitmq-server (as root on Debian and Ubuntu it is installed for you).',
  )
}

async function useExisting(url: string, description: string, deadlineMs: number): Promise<Service> {
  const fault = await probeRabbitmq(url, deadlineMs)
  if (fault !== undefined) throw new Error(fault)
  return foundService(url, description)
}

async function startInstalled(description: string): Promise<Service> {
  if (!findRabbitmqScripts()) throw new Error('no rabbitmq-server was found')
  const broker = await startPrivateRabbitmq()
  const stop = async (): Promise<void> => {
    // Nobody needs its data: an orderly end would only take seconds.
    await broker.kill()
    await broker.stop()
  }
  return { url: broker.url, description, stop }
}

async function startContainer(): Promise<Service> {
  // Loaded only when it is its turn: the package is large.
  const { RabbitMQContainer } = await import('@testcontainers/rabbitmq')
  const image = 'rabbitmq:4-management'
  const container = await within(240_000, 'the container starts', new RabbitMQContainer(image).withStartupTimeout(120_000).start())
  const url = `amqp://guest:guest@${container.getHost()}:${container.getMappedPort(5672)}`
  return { url, description: `a container of ${image}`, stop: async () => void (await container.stop()) }
}
