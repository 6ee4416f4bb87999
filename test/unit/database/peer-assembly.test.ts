import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { createAssembly } from '../../../src/database/peer-assembly.ts'
import { type LetterPart, readPart, toParts } from '../../../src/database/peer-letters.ts'
import { createNoteSeal, maxPlainBytes } from '../../../src/database/peer-seal.ts'

async function partsOf(id: string, body: unknown): Promise<readonly LetterPart[]> {
  const plain = await toParts({ id, kind: 'news', topic: 'word', from: 'b', to: null, about: null }, body)
  return plain.map((part) => {
    const read = readPart(part)
    if (read === undefined) throw new Error('a part cannot be read')
    return read
  })
}

describe('letters between nodes', () => {
  const long = randomBytes(20_000).toString('base64')

  it('fit into notes of 7,999 bytes, sealed, part by part', async () => {
    const seal = createNoteSeal([randomBytes(32)])
    const notes = (await toParts({ id: 'l', kind: 'answer', topic: 'word', from: 'b', to: 'a', about: 'q' }, long)).map(seal.seal)
    expect(notes).to.have.length.above(2)
    for (const note of notes) expect(note.length).to.be.at.most(7_999)
    expect(seal.seal(Buffer.alloc(maxPlainBytes)).length).to.be.within(7_990, 7_999)
    expect(() => createNoteSeal([])).to.throw('without a key')
  })

  it('are put together from parts in any order, once', async () => {
    const assembly = createAssembly()
    const parts = await partsOf('long', long)
    const last = parts.toReversed().map(assembly.add)
    expect(last.map((letter) => letter?.body)).to.deep.equal([...parts.slice(1).map(() => undefined), long])
    for (const part of parts) expect(assembly.add(part)).to.equal(undefined)
  })

  it('of which a part is lost are given up after ten seconds, or when a hundred others have begun', async () => {
    let nowMs = 0
    const assembly = createAssembly(() => nowMs)
    const [first, ...rest] = await partsOf('long', long)
    if (first === undefined) throw new Error('there is no part')
    const completes = () => rest.map(assembly.add).at(-1) !== undefined
    assembly.add(first)
    nowMs = 10_000
    assembly.add({ ...first, id: 'other' })
    expect(completes()).to.equal(false)
    assembly.add(first)
    expect(assembly.add({ ...first, part: 1, parts: 9 })).to.equal(undefined)
    nowMs = 20_001
    for (let count = 0; count < 100; count++) assembly.add({ ...first, id: `other ${count}` })
    expect(completes()).to.equal(false)
  })

  it('take no more than their share of memory', async () => {
    const assembly = createAssembly(() => 0)
    const [part] = await partsOf('long', long)
    if (part === undefined) throw new Error('there is no part')
    const chunk = Buffer.alloc(1024 * 1024)
    const add = (id: string, number: number) => assembly.add({ ...part, id, part: number, parts: 2, deflated: false, chunk })
    for (let count = 0; count < 17; count++) add(`large ${count}`, 0)
    // The first has been given up for the others, the last has not.
    expect(add('large 16', 1)).to.deep.include({ id: 'large 16', body: undefined })
    expect(add('large 0', 1)).to.equal(undefined)
  })
})
