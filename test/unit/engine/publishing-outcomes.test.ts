import { expect } from 'chai'
import { AppError, type ErrorCode } from '../../../src/core/errors.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import type { Broker } from '../../../src/core/ports/broker.ts'
import type { MessageDraft } from '../../../src/core/ports/engine-api.ts'
import { createDesiredCache } from '../../../src/engine/desired-cache.ts'
import { createPublishing } from '../../../src/engine/publishing.ts'
import { createDesired, tenantId } from '../../actors/support/samples.ts'

const draft: MessageDraft = { id: undefined, type: 'note', data: 1, priority: 0, key: null }
const later: MessageDraft = { ...draft, scheduledAt: new Date(Date.now() + 3_600_000) }

/** What publishing these drafts rejects with, and the ids that were stored or sent to be. */
async function failWith({ broker, schedule }: { broker?: Error; schedule?: Error }, drafts: readonly MessageDraft[]) {
  const ids: string[] = []
  const note = (messages: readonly OutboundMessage[]): number => ids.push(...messages.map(({ id }) => id))
  const publishBatch = async (messages: readonly OutboundMessage[]): Promise<void> => {
    note(messages)
    if (broker) throw broker
  }
  const desired = createDesiredCache({ desiredOf: async () => createDesired() })
  desired.put(createDesired())
  const publishing = createPublishing({
    broker: { publish: (message: OutboundMessage) => publishBatch([message]), publishBatch } as unknown as Broker,
    schedules: {
      schedule: async (messages) => {
        note(messages)
        if (schedule) throw schedule
      },
    },
    idempotency: { begin: async ({ ids }) => ({ kind: 'first', ids }), finish: async () => {}, release: async () => {} },
    dueHints: { announce: () => {} },
    desired,
    metrics: { published: () => {} },
    idempotencyKeepMs: 60_000,
  })
  const error: unknown = await publishing.publish(tenantId, drafts).catch((thrown: unknown) => thrown)
  return { error, ids }
}

const away = (sqlState?: string): AppError =>
  new AppError('database.unavailable', 'away', { retryable: true, details: sqlState === undefined ? {} : { sqlState } })

describe('createPublishing, when it fails', () => {
  it('names all ids of the request after an unknown outcome', async () => {
    const details = { confirmed: ['one'] }
    const { error, ids } = await failWith({ broker: new AppError('broker.unknown_outcome', 'no confirm', { details }) }, [draft, draft])
    expect(error).to.include({ code: 'broker.unknown_outcome', message: 'no confirm', retryable: true })
    expect(error).to.have.deep.property('details', { ids })
  })

  it('names all ids, whatever the broker says, once those that are scheduled are stored', async () => {
    const codes: readonly ErrorCode[] = ['broker.blocked', 'broker.refused', 'broker.window_full', 'broker.unavailable', 'queue.missing']
    for (const code of codes) {
      const { error, ids } = await failWith({ broker: new AppError(code, 'no') }, [later, draft])
      expect(error, code).to.include({ code: 'broker.unknown_outcome', retryable: true })
      expect(error, code).to.have.deep.property('details', { ids })
      expect(ids).to.have.length(2)
    }
  })

  it('says plainly that nothing is stored when it knows that', async () => {
    const refusal = new AppError('broker.refused', 'no')
    expect((await failWith({ broker: refusal }, [draft, draft])).error).to.equal(refusal)
    for (const failure of [away('57P01'), new AppError('tenant.missing', 'gone'), new AppError('database.refused_row', 'no')]) {
      const { error, ids } = await failWith({ schedule: failure }, [later, draft])
      expect(error).to.equal(failure)
      expect(ids).to.have.length(1)
    }
  })

  it('does not know whether scheduled messages are stored when the connection was lost under the statement', async () => {
    const { error, ids } = await failWith({ schedule: away() }, [later])
    expect(error).to.include({ code: 'broker.unknown_outcome' })
    expect(error).to.have.deep.property('details', { ids })
  })
})
