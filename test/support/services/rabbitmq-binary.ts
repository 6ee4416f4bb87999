/** Finds an installed RabbitMQ. */
import { accessSync, constants, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

export interface RabbitmqScripts {
  readonly server: string
  readonly ctl: string
}

/** RabbitMQ's own scripts, or undefined when it is not installed. */
export function findRabbitmqScripts(): RabbitmqScripts | undefined {
  // Debian's /usr/sbin/rabbitmq-server is a wrapper that changes the user and resets the environment: the real one first.
  const folders = ['/usr/lib/rabbitmq/bin', ...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/opt/homebrew/sbin']
  for (const folder of folders) {
    const server = join(folder, 'rabbitmq-server')
    if (!isExecutable(server)) continue
    const home = dirname(realpathSync(server))
    if (isExecutable(join(home, 'rabbitmqctl'))) return { server: join(home, 'rabbitmq-server'), ctl: join(home, 'rabbitmqctl') }
  }
  return undefined
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
