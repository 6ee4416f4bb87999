import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import type { MessageId } from '../../../src/core/ids.ts'
import type { IdempotencyStore, KeyBeginning } from '../../../src/core/ports/idempotency-store.ts'
import { createPublishOnce } from '../../../src/engine/publish-once.ts'
import { tenantId } from '../../actors/support/samples.ts'

const own = ['018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0101' as MessageId]
const earlier = ['018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0100' as MessageId]
const key = { key: 'order-1', digest: 'abc', keepMs: 60_000 }

/** The store answers with each beginning once, then with the last of them for ever. */
function setup(beginnings: readonly KeyBeginning[], fails?: Error) {
  const done: string[] = []
  const rest = [...beginnings]
  const store: IdempotencyStore = {
    async begin({ key: begun, digest, ids }) {
      done.push(`begin ${begun} ${digest} ${ids}`)
      return (rest.length > 1 ? rest.shift() : rest[0]) as KeyBeginning
    },
    finish: async (_, finished) => void done.push(`finish ${finished}`),
    release: async (_, released) => void done.push(`release ${released}`),
  }
  const publish = async (ids: readonly MessageId[]): Promise<void> => {
    done.push(`publish ${ids}`)
    if (fails) throw fails
  }
  const once = createPublishOnce(store)
  return { done, run: () => once(tenantId, key, own, publish) }
}

describe('createPublishOnce', () => {
  it('publishes with its own ids the first time, and says so when it is done', async () => {
    const { done, run } = setup([{ kind: 'first', ids: own }])
    expect(await run()).to.deep.equal({ ids: own, replayed: false })
    expect(done).to.deep.equal([`begin order-1 abc ${own}`, `publish ${own}`, 'finish order-1'])
  })

  it('publishes with the ids of an earlier request that did not finish', async () => {
    const { done, run } = setup([{ kind: 'repeat', ids: earlier }])
    expect(await run()).to.deep.equal({ ids: earlier, replayed: false })
    expect(done).to.include(`publish ${earlier}`)
  })

  it('answers with what was published, and publishes nothing', async () => {
    const { done, run } = setup([{ kind: 'published', ids: earlier }])
    expect(await run()).to.deep.equal({ ids: earlier, replayed: true })
    expect(done).to.have.length(1)
  })

  it('waits for another request with its key, and answers as that one did', async () => {
    const { done, run } = setup([{ kind: 'in_progress' }, { kind: 'in_progress' }, { kind: 'published', ids: earlier }])
    expect(await run()).to.deep.equal({ ids: earlier, replayed: true })
    expect(done).to.have.length(3)
  })

  it('refuses a key that stands for another body, whether it finds that at once or after it has waited', async () => {
    for (const beginnings of [[{ kind: 'mismatch' }], [{ kind: 'in_progress' }, { kind: 'mismatch' }]] as const) {
      const { done, run } = setup(beginnings)
      const error: unknown = await run().catch((thrown: unknown) => thrown)
      expect(error).to.be.instanceOf(AppError).and.to.include({ code: 'idempotency.mismatch' })
      expect(done.every((each) => each.startsWith('begin'))).to.equal(true)
    }
  })

  it('lets the next request repeat with the same ids after an error, whatever it was, and passes the error on', async () => {
    for (const error of [
      new AppError('broker.unknown_outcome', 'no confirm'),
      new AppError('broker.blocked', 'alarm'),
      new Error('boom'),
    ]) {
      const { done, run } = setup([{ kind: 'first', ids: own }], error)
      expect(await run().catch((thrown: unknown) => thrown)).to.equal(error)
      expect(done.at(-1)).to.equal('release order-1')
    }
  })
})
