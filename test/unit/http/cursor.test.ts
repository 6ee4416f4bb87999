import { expect } from 'chai'
import fc from 'fast-check'
import type { MessageId } from '../../../src/core/ids.ts'
import { parseMessageCursor, toCursor } from '../../../src/http/request/cursor.ts'
import { Refusal } from '../../../src/http/request/refusal.ts'

const position = { createdAtMicros: '1700000000000001', id: '01990000-0000-7000-8000-000000000001' as MessageId }
const cursor = toCursor('messages', position) ?? ''

describe('cursors', () => {
  it('lead back to their position', () => {
    expect(parseMessageCursor('messages', cursor)).to.deep.equal(position)
    expect(toCursor('messages', undefined)).to.equal(null)
  })

  it('are refused by another list', () => {
    expect(() => parseMessageCursor('tenants/x/messages', cursor)).to.throw(Refusal)
  })

  it('are refused when any character is another', () => {
    for (let index = 0; index < cursor.length; index++) {
      const altered = `${cursor.slice(0, index)}${cursor[index] === 'A' ? 'B' : 'A'}${cursor.slice(index + 1)}`
      expect(() => parseMessageCursor('messages', altered), String(index)).to.throw(Refusal)
    }
    for (const altered of [`${cursor}=`, `${cursor}A`, cursor.slice(0, -1), ` ${cursor}`]) {
      expect(() => parseMessageCursor('messages', altered)).to.throw(Refusal)
    }
  })

  it('refuse any other text without another error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => parseMessageCursor('messages', text)).to.throw(Refusal)
      }),
    )
  })
})
