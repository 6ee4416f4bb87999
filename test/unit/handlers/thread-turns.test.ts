import { expect } from 'chai'
import { createThreadTurns } from '../../../src/handlers/thread-turns.ts'

describe('the turns of threads', () => {
  it('go to the tenants one after another, however many runs one of them has waiting', async () => {
    const turns = createThreadTurns(1)
    const begun: string[] = []
    const run = (tenantId: string, name: string) =>
      turns.take(tenantId, async () => {
        begun.push(name)
      })
    await Promise.all([run('a', 'a1'), run('a', 'a2'), run('a', 'a3'), run('a', 'a4'), run('b', 'b1'), run('b', 'b2'), run('c', 'c1')])
    expect(begun).to.deep.equal(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'])
  })

  it('leave a place to the others, however long the runs of one tenant take', async () => {
    const turns = createThreadTurns(3)
    const end = Promise.withResolvers<void>()
    let spinning = 0
    const spin = () =>
      turns.take('spinner', async () => {
        spinning += 1
        await end.promise
        spinning -= 1
      })
    const spins = [spin(), spin(), spin(), spin()]
    for (const name of ['a', 'b', 'a']) await turns.take(name, async () => expect(spinning).to.equal(2))
    // A place that comes free goes to one that waits for it, not to the tenant that has all that it may have.
    await Promise.all(['a', 'a', 'b'].map((name) => turns.take(name, async () => expect(spinning).to.equal(2))))
    end.resolve()
    await Promise.all(spins)
    expect(spinning).to.equal(0)
  })

  it('give the only place to one tenant when there are no others', async () => {
    const turns = createThreadTurns(1)
    expect(await turns.take('a', async () => 'done')).to.equal('done')
    expect(await turns.take('a', async () => 'again')).to.equal('again')
  })

  it('are as many at once as there are places, and go on after a run that fails', async () => {
    const turns = createThreadTurns(2)
    let atOnce = 0
    let most = 0
    const runs = Array.from({ length: 9 }, (_, index) =>
      turns.take(`tenant ${index % 3}`, async () => {
        atOnce += 1
        most = Math.max(most, atOnce)
        await new Promise((resolve) => setImmediate(resolve))
        atOnce -= 1
        if (index % 2 === 0) throw new Error('on purpose')
      }),
    )
    const settled = await Promise.allSettled(runs)
    expect(settled.filter(({ status }) => status === 'rejected')).to.have.length(5)
    expect(most).to.equal(2)
  })
})
