import { expect } from 'chai'
import { createRecordedOutcomes } from '../../../actors/ledger/recorded-outcomes.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { RecordedStatus } from '../../../src/core/ports/message-store.ts'
import { createDelivery } from '../support/samples.ts'

describe('createRecordedOutcomes', () => {
  const setup = (statuses: Readonly<Record<string, RecordedStatus>> = {}, fails = false) => {
    const queries: (readonly { tenantId: TenantId; id: MessageId }[])[] = []
    const recorded = createRecordedOutcomes({
      async statuses(keys) {
        queries.push(keys.map(({ tenantId, id }) => ({ tenantId, id })))
        if (fails) throw new Error('away')
        return new Map(Object.entries(statuses).map(([id, status]) => [id as MessageId, status]))
      },
    })
    return { queries, recorded }
  }

  it('asks once for the look-ups of one moment', async () => {
    const [one, two, three] = [createDelivery(), createDelivery(), createDelivery()]
    const { queries, recorded } = setup({
      [one.id]: { status: 'processed', attempts: 1 },
      [two.id]: { status: 'retrying', attempts: 3 },
    })
    expect(await Promise.all([one, two, three].map((delivery) => recorded.lookUp(delivery)))).to.deep.equal([
      { status: 'processed', attempts: 1 },
      { status: 'retrying', attempts: 3 },
      undefined,
    ])
    expect(queries).to.have.length(1)
    await recorded.lookUp(three)
    expect(queries).to.have.length(2)
  })

  it('does not mix tenants, whose ids may be the same', async () => {
    const { queries, recorded } = setup()
    const delivery = createDelivery()
    const other = { ...delivery, tenantId: '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId }
    await Promise.all([recorded.lookUp(delivery), recorded.lookUp(other)])
    expect(queries.map((keys) => keys.length)).to.deep.equal([1, 1])
  })

  it('rejects every look-up of a query that fails, and asks anew afterwards', async () => {
    const { queries, recorded } = setup({}, true)
    const answers = await Promise.allSettled([recorded.lookUp(createDelivery()), recorded.lookUp(createDelivery())])
    expect(answers.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
    await recorded.lookUp(createDelivery()).catch(() => {})
    expect(queries).to.have.length(2)
  })
})
