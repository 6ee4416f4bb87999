import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import type { MessageId } from '../../../src/core/ids.ts'
import { defaultRetryPolicy, namedRetryPolicies } from '../../../src/core/retry-policy.ts'
import { createFailedMessages, type FailedMessagesServices } from '../../../src/engine/failed-messages.ts'
import { tenantId } from '../../actors/support/samples.ts'

const id = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0101' as MessageId
const stats = { byStatus: { pending: 1, retried: 0, resolved: 0, permanently_failed: 0, discarded: 0 }, kinds: [], nextRetryAt: null }

interface Options {
  readonly cancelled?: 'cancelled' | 'releasing' | 'absent'
  readonly isStored?: boolean
  readonly retried?: number
}

function setup({ cancelled = 'cancelled', isStored = false, retried = 0 }: Options = {}) {
  const announced: number[] = []
  const failed = createFailedMessages({
    schedules: { cancel: async () => cancelled },
    messages: { find: async () => (isStored ? {} : undefined) },
    failures: { retry: async () => retried, stats: async () => stats },
    dueHints: { announce: (atMs: number) => announced.push(atMs) },
    policy: defaultRetryPolicy,
  } as unknown as FailedMessagesServices)
  return { failed, announced }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'resolved',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  )

describe('createFailedMessages', () => {
  it('cancels a scheduled message, or says why it cannot', async () => {
    const answers: readonly (readonly [Options, string])[] = [
      [{ cancelled: 'cancelled' }, 'resolved'],
      [{ cancelled: 'releasing' }, 'message.not_cancellable'],
      [{ cancelled: 'absent', isStored: true }, 'message.not_cancellable'],
      [{ cancelled: 'absent' }, 'message.missing'],
    ]
    for (const [options, code] of answers) expect(await codeOf(setup(options).failed.cancelScheduled(tenantId, id))).to.equal(code)
  })

  it('wakes the schedulers for what is retried by hand, and not for nothing', async () => {
    const some = setup({ retried: 3 })
    expect(await some.failed.retryFailed(tenantId, {})).to.equal(3)
    expect(some.announced).to.have.length(1)
    const none = setup()
    expect(await none.failed.retryFailed(tenantId, {})).to.equal(0)
    expect(none.announced).to.deep.equal([])
  })

  it('tells the policies together with the counts', async () => {
    expect(await setup().failed.retryStats()).to.deep.equal({ ...stats, policy: defaultRetryPolicy, namedPolicies: namedRetryPolicies })
  })
})
