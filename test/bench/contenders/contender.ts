/** The other ways to do the same work: each runs in a process of its own, as the engine does. */
import type { TenantId } from '../../../src/core/ids.ts'

export interface Contender {
  /** Makes `count` messages wait in the contender's queue, durably. */
  preload(count: number): Promise<void>
  /** Begins to take messages and store each as a row of its tenant. */
  start(): Promise<void>
  /** Stops taking; resolves when nothing is in hand. */
  stop(): Promise<void>
  /** Removes what it has left in the broker. */
  close(): Promise<void>
}

export interface ContenderOptions {
  readonly tenantId: TenantId
  readonly databaseUrl: string
  readonly rabbitmqUrl: string
  readonly redisUrl: string | undefined
}

export type CreateContender = (options: ContenderOptions) => Promise<Contender>
