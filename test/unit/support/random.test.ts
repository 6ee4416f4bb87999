import { expect } from 'chai'
import { createRandom } from '../../support/random.ts'

const draw = (seed: number): readonly number[] => {
  const random = createRandom(seed)
  return Array.from({ length: 5 }, () => random.between(1, 1_000_000))
}

describe('createRandom', () => {
  it('repeats itself with the same seed and differs with another', () => {
    expect(draw(7)).to.deep.equal(draw(7))
    expect(draw(7)).to.not.deep.equal(draw(8))
  })

  it('stays within its bounds and reaches them', () => {
    const random = createRandom(1)
    const drawn = new Set(Array.from({ length: 200 }, () => random.between(1, 3)))
    expect([...drawn].toSorted()).to.deep.equal([1, 2, 3])
  })

  it('shuffles without losing anything', () => {
    expect(createRandom(3).shuffle([1, 2, 3, 4, 5]).toSorted()).to.deep.equal([1, 2, 3, 4, 5])
  })

  it('forks by name, whatever was drawn before', () => {
    const [fresh, used] = [createRandom(5), createRandom(5)]
    used.next()
    expect(used.fork('load').next()).to.equal(fresh.fork('load').next())
    expect(fresh.fork('load').next()).to.not.equal(fresh.fork('fault').next())
  })
})
