/** Decides where the tests' broker may come from, and in which order to ask. */

export type RabbitmqSource = 'environment' | 'local' | 'container' | 'installed' | 'apt'

export interface Machine {
  /** RABBITMQ_URL is set. */
  readonly hasUrl: boolean
  readonly isRoot: boolean
  readonly hasApt: boolean
}

/**
 * | machine            | asked, first to last                                            |
 * | RABBITMQ_URL set   | that broker and no other: a wrong URL must not pass unnoticed   |
 * | root with apt-get  | local port 5672, a container, an installed RabbitMQ, a fresh one |
 * | any other          | local port 5672, a container, an installed RabbitMQ             |
 */
export function orderRabbitmqSources(machine: Machine): readonly RabbitmqSource[] {
  if (machine.hasUrl) return ['environment']
  // Installed before apt: without a network, apt takes its time to fail.
  return ['local', 'container', 'installed', ...(machine.isRoot && machine.hasApt ? (['apt'] as const) : [])]
}
