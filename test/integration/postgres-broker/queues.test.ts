/** The queues of a tenant that two nodes know. */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { createPostgresBroker } from '../../../src/broker/postgres/index.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import { createTestDatabase } from '../../support/database.ts'

function newMessage(tenantId: TenantId): OutboundMessage {
  const nowMs = Date.now()
  const id = randomUUID() as MessageId
  return {
    tenantId,
    id,
    type: 'test',
    priority: 0,
    key: null,
    createdAtMs: nowMs,
    readyAtMs: nowMs,
    attempt: 1,
    firstAttempt: 1,
    body: '{}',
  }
}

describe('the queues of a tenant on the broker in PostgreSQL', () => {
  it('are removed by a node that has used them after another has removed them, as often as it tries', async () => {
    await using database = await createTestDatabase({ migrated: false })
    const limits = { maxInFlightPublishes: 100, maxInFlightPerTenant: 100, maxInFlightBytes: 1e6, publishTimeoutMs: 10_000 }
    const wake = { notify: () => undefined, subscribe: () => () => undefined }
    const open = () => createPostgresBroker({ url: database.url, schema: 'queues', poolSize: 4, wake, log: () => undefined, ...limits })
    const [here, there] = [open(), open()]
    try {
      for (const broker of [here, there]) await broker.connect(AbortSignal.timeout(20_000))
      const tenantId = randomUUID() as TenantId
      for (let round = 0; round < 2; round++) {
        await here.declareTenant(tenantId)
        for (const broker of [here, there]) await broker.publish(newMessage(tenantId))
        expect(await here.deleteTenant(tenantId)).to.include({ discarded: 2 })
        expect(await there.deleteTenant(tenantId)).to.include({ discarded: 0 })
      }
    } finally {
      for (const broker of [here, there]) await broker.close(5_000)
    }
  })
})
