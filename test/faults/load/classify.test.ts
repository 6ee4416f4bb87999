import { expect } from 'chai'
import { classifyAnswer } from './classify.ts'

const facts = { status: 503, code: null, isBatch: false, hasKey: false }

describe('classifyAnswer', () => {
  it('takes 202 as a promise and a refusal as one', () => {
    expect(classifyAnswer({ ...facts, status: 202 })).to.equal('ok')
    expect(classifyAnswer({ ...facts, status: 409, code: 'tenant.draining' })).to.equal('fail')
    expect(classifyAnswer({ ...facts, code: 'broker.unavailable' })).to.equal('fail')
  })

  it('takes a call that reached nobody as refused, and one that was cut off as unknown', () => {
    expect(classifyAnswer({ ...facts, status: 0, code: 'ECONNREFUSED' })).to.equal('fail')
    expect(classifyAnswer({ ...facts, status: 0, code: 'ECONNRESET' })).to.equal('info')
  })

  it('takes nothing for granted after a 500, a nack, an unknown outcome or a 503 in the middle of a batch', () => {
    expect(classifyAnswer({ ...facts, status: 500, code: 'internal' })).to.equal('info')
    for (const code of ['broker.refused', 'broker.unknown_outcome']) expect(classifyAnswer({ ...facts, code })).to.equal('info')
    expect(classifyAnswer({ ...facts, code: 'broker.unavailable', isBatch: true })).to.equal('info')
    expect(classifyAnswer({ ...facts, code: 'broker.blocked', isBatch: true })).to.equal('fail')
    expect(classifyAnswer({ ...facts, code: 'database.unavailable', hasKey: true })).to.equal('info')
  })
})
