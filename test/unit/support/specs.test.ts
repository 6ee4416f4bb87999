import { expect } from 'chai'
import { selectSpecs } from '../../support/specs.ts'

describe('selectSpecs', () => {
  it('selects everything, with servers, when no path is given', () => {
    const { specs, options, needsServices } = selectSpecs(['--grep', 'tenant', '--bail'])
    expect(specs).to.have.length(1)
    expect(specs[0]).to.contain('integration')
    expect(options).to.deep.equal(['--grep', 'tenant', '--bail'])
    expect(needsServices).to.equal(true)
  })

  it('needs no servers for unit and actor tests alone', () => {
    expect(selectSpecs(['test/unit/**/*.test.ts', './test/actors/a.test.ts'])).to.include({ needsServices: false })
    expect(selectSpecs(['test/unit', 'test/integration/a.test.ts'])).to.include({ needsServices: true })
    expect(selectSpecs(['/repo/test/faults/a.test.ts'])).to.include({ needsServices: true })
  })

  it('takes a folder for all tests in it', () => {
    const { specs } = selectSpecs(['test/unit', './test/actors/', 'test/e2e/drain.test.ts', 'test/*/seeds.test.ts'])
    expect(specs).to.deep.equal(['test/unit/**/*.test.ts', './test/actors/**/*.test.ts', 'test/e2e/drain.test.ts', 'test/*/seeds.test.ts'])
  })
})
