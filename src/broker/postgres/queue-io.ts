/** What a consumer does with its queue, on the connections that are left to consumers. */

import type { LimitFunction } from 'p-limit'
import type { PgBoss } from 'pg-boss'
import type { Claim, DeadLetterData } from './job.ts'
import type { Publisher } from './publisher.ts'
import type { Statements } from './statements.ts'

export interface ClaimedJob extends Claim {
  readonly data: unknown
}

export interface QueueIo {
  /** Claims up to `count` jobs, the highest priority first, then the oldest. */
  claim(queue: string, count: number): Promise<readonly ClaimedJob[]>
  /** Removes the jobs of claims that still hold. */
  remove(queue: string, claims: readonly Claim[]): Promise<void>
  /** Puts the jobs of claims that still hold back in their queue. */
  release(queue: string, claims: readonly Claim[]): Promise<void>
  /** Says that the claims are still held. */
  touch(queue: string, claims: readonly Claim[]): Promise<void>
  /** Resolves when the data is durable in the queue. */
  put(queue: string, data: DeadLetterData): Promise<void>
}

export function createQueueIo(boss: PgBoss, statements: Statements, limiter: LimitFunction, publisher: Publisher): QueueIo {
  return {
    claim: (queue, count) => limiter(() => boss.fetch<object>(queue, { batchSize: count })),
    remove: (queue, claims) => limiter(() => statements.remove(queue, claims)),
    release: (queue, claims) => limiter(() => statements.release(queue, claims)),
    touch: (queue, claims) => limiter(() => statements.touch(queue, claims)),
    put: (queue, data) => publisher.send(queue, [{ data }]),
  }
}
