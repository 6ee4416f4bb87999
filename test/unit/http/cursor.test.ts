import { createHash } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import { actorCursors, failedCursors, keyCursors, messageCursors, scheduledCursors } from '../../../src/http/request/cursor.ts'
import { Refusal } from '../../../src/http/request/refusal.ts'

const tenantId = '01990000-0000-7000-8000-00000000000a' as TenantId
const position = { createdAtMicros: '1700000000000001', id: '01990000-0000-7000-8000-000000000001' as MessageId }
const cursor = messageCursors.write('messages', position) ?? ''

describe('cursors', () => {
  it('lead back to their position', () => {
    expect(messageCursors.parse('messages', cursor)).to.deep.equal(position)
    expect(messageCursors.write('messages', undefined)).to.equal(null)
  })

  it('carry the time that their list is ordered by', () => {
    const { id } = position
    const due = { scheduledAtMicros: '1700000000000002', id }
    const failed = { createdAtMicros: '1700000000000003', id }
    const scopes = { due: `tenants/${tenantId}/scheduled`, failed: `tenants/${tenantId}/failed` } as const
    expect(scheduledCursors.parse(scopes.due, scheduledCursors.write(scopes.due, due) ?? '')).to.deep.equal(due)
    expect(failedCursors.parse(scopes.failed, failedCursors.write(scopes.failed, failed) ?? '')).to.deep.equal(failed)
    expect(() => failedCursors.parse(scopes.failed, scheduledCursors.write(scopes.due, due) ?? '')).to.throw(Refusal)
  })

  it('of the actors’ tree carry a place of it, and no other list’s', () => {
    const place = { path: `tenantManager/supervisor:12/tenant:${tenantId}`, node: 'node-ünïcode-1' }
    const written = actorCursors.write('actors', place) ?? ''
    expect(actorCursors.parse('actors', written)).to.deep.equal(place)
    expect(actorCursors.write('actors', undefined)).to.equal(null)
    expect(() => actorCursors.parse(`tenants/${tenantId}/actors`, written)).to.throw(Refusal)
    expect(() => actorCursors.parse('actors', messageCursors.write('messages', position) ?? '')).to.throw(Refusal)
  })

  it('of a list that is read whole carry a key of it, and no other list’s', () => {
    const written = keyCursors.write(`tenants/${tenantId}/secrets`, 'API_TOKEN') ?? ''
    expect(keyCursors.parse(`tenants/${tenantId}/secrets`, written)).to.equal('API_TOKEN')
    expect(keyCursors.write('sessions', undefined)).to.equal(null)
    expect(() => keyCursors.parse('sessions', written)).to.throw(Refusal)
    expect(() => keyCursors.parse('messages', cursor)).to.throw(Refusal)
  })

  it('are refused when somebody has forged them over something else', () => {
    for (const text of ['', '{', 'null', '[]', '[1,2,3]', '[2,"1","2"]', `[1,"${'9'.repeat(700)}","x"]`, '[1,"1","2","3"]']) {
      const check = createHash('sha256').update(`tenantry cursor\nactors\n${text}`).digest().subarray(0, 16)
      const forged = Buffer.concat([check, Buffer.from(text)]).toString('base64url')
      expect(() => actorCursors.parse('actors', forged), text).to.throw(Refusal)
      expect(() => messageCursors.parse('actors', forged), text).to.throw(Refusal)
      expect(() => keyCursors.parse('actors', forged), text).to.throw(Refusal)
    }
  })

  it('are refused by another list', () => {
    expect(() => messageCursors.parse(`tenants/${tenantId}/messages`, cursor)).to.throw(Refusal)
  })

  it('are refused when any character is another', () => {
    for (let index = 0; index < cursor.length; index++) {
      const altered = `${cursor.slice(0, index)}${cursor[index] === 'A' ? 'B' : 'A'}${cursor.slice(index + 1)}`
      expect(() => messageCursors.parse('messages', altered), String(index)).to.throw(Refusal)
    }
    for (const altered of [`${cursor}=`, `${cursor}A`, cursor.slice(0, -1), ` ${cursor}`]) {
      expect(() => messageCursors.parse('messages', altered)).to.throw(Refusal)
    }
  })

  it('refuse any other text without another error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => messageCursors.parse('messages', text)).to.throw(Refusal)
      }),
    )
  })
})
