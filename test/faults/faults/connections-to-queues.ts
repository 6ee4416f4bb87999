/** Finds the connections on which messages are published and consumed, by what they say at their start. */
import type { ProxiedConnection } from '../../support/tcp-proxy.ts'
import type { Stage } from '../stage/stage.ts'

export type QueueRole = 'publisher' | 'consumers'

/** With messages queued in PostgreSQL the same connections do both. */
export function findQueueConnections({ brokerProxy, databaseProxy }: Stage, role: QueueRole): readonly ProxiedConnection[] {
  if (brokerProxy) return brokerProxy.connections.filter(({ hello }) => hello.includes(` ${role}`))
  return databaseProxy.connections.filter(({ hello }) => hello.includes('tenantry-broker\0'))
}
