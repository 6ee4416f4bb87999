/** The ledger's store, answered by the test, and sessions that note what was settled. */
import type { Session } from '../../../actors/tenant/session.ts'
import type { Delivery } from '../../../src/core/message.ts'
import type { MessageRecord } from '../../../src/core/ports/message-store.ts'
import { type Calls, createCalls } from './deferred.ts'

export interface FakeStore {
  /** The calls of record(), in order: each is a batch. */
  readonly calls: Calls<readonly MessageRecord[], void>
  record(records: readonly MessageRecord[]): Promise<void>
}

export function createFakeStore(): FakeStore {
  const calls = createCalls<readonly MessageRecord[], void>()
  return { calls, record: (records) => calls.call(records) }
}

export interface SettledSession {
  readonly session: Session
  /** `committed` or `given back` with the delivery, oldest first. */
  readonly settled: { readonly how: string; readonly delivery: Delivery }[]
  readonly partitionMissing: number
}

/** A session that does nothing but note. */
export function createSettledSession(): SettledSession {
  const settled: { how: string; delivery: Delivery }[] = []
  let partitionMissing = 0
  const session: Pick<Session, 'committed' | 'giveBack' | 'onPartitionMissing'> = {
    committed: (delivery) => void settled.push({ how: 'committed', delivery }),
    giveBack: (delivery) => void settled.push({ how: 'given back', delivery }),
    onPartitionMissing: () => partitionMissing++,
  }
  return {
    session: session as Session,
    settled,
    get partitionMissing() {
      return partitionMissing
    },
  }
}
