import { expect } from 'chai'
import { selectSpecs } from '../../support/specs.ts'

describe('selectSpecs', () => {
  it('selects everything, with servers, when no path is given', () => {
    const { lanes, needsServices } = selectSpecs([])
    expect(lanes).to.have.length(2)
    for (const folder of ['unit', 'actors', 'contract', 'integration', 'e2e', 'faults', 'security']) {
      expect(lanes.flat().filter((spec) => spec.includes(folder))).to.have.length(1)
    }
    expect(needsServices).to.equal(true)
  })

  it('runs everything in one lane when there are options', () => {
    const { lanes, options, needsServices } = selectSpecs(['--grep', 'tenant', '--bail'])
    expect(lanes).to.have.length(1)
    expect(lanes[0]?.join()).to.contain('integration').and.to.contain('e2e')
    expect(options).to.deep.equal(['--grep', 'tenant', '--bail'])
    expect(needsServices).to.equal(true)
  })

  it('needs no servers for unit and actor tests alone', () => {
    expect(selectSpecs(['test/unit/**/*.test.ts', './test/actors/a.test.ts'])).to.include({ needsServices: false })
    expect(selectSpecs(['test/unit', 'test/integration/a.test.ts'])).to.include({ needsServices: true })
    expect(selectSpecs(['/repo/test/faults/a.test.ts'])).to.include({ needsServices: true })
  })

  it('takes a folder for all tests in it', () => {
    const { lanes } = selectSpecs(['test/unit', './test/actors/', 'test/e2e/drain.test.ts', 'test/*/seeds.test.ts'])
    expect(lanes).to.deep.equal([
      ['test/unit/**/*.test.ts', './test/actors/**/*.test.ts', 'test/e2e/drain.test.ts', 'test/*/seeds.test.ts'],
    ])
  })
})
