import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { within } from '../../../src/core/within.ts'

const never = new Promise<never>(() => {})
const refuse = (): never => {
  throw new Error('late')
}
const reasonOf = (work: Promise<unknown>): Promise<string> => work.then(String, (error: Error) => error.message)

describe('within', () => {
  it('settles as the work does, which has settled in time', async () => {
    expect(await within(Promise.resolve(1), 60_000, refuse)).to.equal(1)
    expect(await reasonOf(within(Promise.reject(new Error('broken')), 60_000, refuse))).to.equal('broken')
  })

  it('after its deadline has what is said of late work, a value or an error', async () => {
    expect(await within(never, 1, () => 'late' as const)).to.equal('late')
    expect(await reasonOf(within(never, 1, refuse))).to.equal('late')
  })

  it('leaves neither a timer nor a rejection that nobody handles behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    // Mocha's own timer is there from the next turn on.
    await turn()
    const before = timers()
    await within(Promise.resolve(), 60_000, refuse)
    expect(timers()).to.equal(before)
    const { promise, reject } = Promise.withResolvers<never>()
    await within(promise, 1, () => undefined)
    reject(new Error('after that'))
    await turn()
  })
})
