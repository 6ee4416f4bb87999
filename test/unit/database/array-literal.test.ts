import { expect } from 'chai'
import { toPlainArray, toTextArray } from '../../../src/database/array-literal.ts'

describe('array literals', () => {
  it('tells null from the text "null"', () => {
    expect(toTextArray(['null', null, ''])).to.equal('{"null",null,""}')
  })

  it('escapes quotes and backslashes', () => {
    expect(toTextArray(['a"b\\c'])).to.equal('{"a\\"b\\\\c"}')
  })

  it('leaves control characters and lone surrogates as they are', () => {
    expect(toTextArray(['a\n"b"', null])).to.equal('{"a\n\\"b\\"",NULL}')
    expect(toTextArray(['\ud800'])).to.equal('{"\ud800"}')
  })

  it('writes plain values and nothing', () => {
    expect(toPlainArray([1, 2])).to.equal('{1,2}')
    expect(toPlainArray([])).to.equal('{}')
    expect(toTextArray([])).to.equal('{}')
  })
})
