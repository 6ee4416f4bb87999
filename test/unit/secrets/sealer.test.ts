import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { AppError } from '../../../src/core/errors.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { createSealer } from '../../../src/secrets/index.ts'
import { tenantId } from '../../actors/support/samples.ts'

const otherTenantId = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId
const createKey = (keyId: string) => ({ keyId, key: randomBytes(32) })
const [older, newer] = [createKey('0123456789abcdef'), createKey('fedcba9876543210')]

describe('a sealer', () => {
  const sealer = createSealer([newer, older])
  const errorOf = (open: () => unknown): AppError => {
    try {
      open()
    } catch (error) {
      if (error instanceof AppError) return error
    }
    throw new Error('it has opened')
  }

  it('opens what it has sealed, any text whatever', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.string(), (value, name) => {
        expect(sealer.open(tenantId, name, sealer.seal(tenantId, name, value))).to.equal(value)
      }),
    )
  })

  it('shows nothing of the value, and never the same bytes twice', () => {
    const value = 'canary-0123456789'
    const [one, two] = [sealer.seal(tenantId, 'mail', value), sealer.seal(tenantId, 'mail', value)]
    expect(one.sealed.equals(two.sealed)).to.equal(false)
    for (const { sealed } of [one, two]) {
      expect(sealed.includes(value)).to.equal(false)
      expect(sealed).to.have.length(1 + 12 + value.length + 16)
    }
  })

  it('seals with the first key and opens with any', () => {
    const before = createSealer([older]).seal(tenantId, 'mail', 'x')
    expect(before.keyId).to.equal(older.keyId)
    expect(sealer.open(tenantId, 'mail', before)).to.equal('x')
    expect(sealer.seal(tenantId, 'mail', 'x').keyId).to.equal(newer.keyId)
  })

  it('names the key that is missing, and what to do', () => {
    const sealed = createSealer([older]).seal(tenantId, 'mail', 'canary')
    const error = errorOf(() => createSealer([newer]).open(tenantId, 'mail', sealed))
    expect(error.code).to.equal('config.invalid')
    expect(error.message).to.include(older.keyId).and.to.include('secret_previous').and.to.include('"mail"').and.not.to.include('canary')
  })

  it('refuses what was moved to another tenant or name, changed, cut or never sealed', () => {
    const secret = sealer.seal(tenantId, 'mail', 'canary')
    const { keyId, sealed } = secret
    const flipped = [0, 1, 13, sealed.length - 1].map((at) => Buffer.from(sealed.map((byte, index) => (index === at ? byte ^ 1 : byte))))
    const cases = [
      () => sealer.open(otherTenantId, 'mail', secret),
      () => sealer.open(tenantId, 'sms', secret),
      () => sealer.open(tenantId, 'mail', { keyId: older.keyId, sealed }),
      ...[...flipped, sealed.subarray(0, -1), sealed.subarray(0, 20), Buffer.alloc(0)].map(
        (changed) => () => sealer.open(tenantId, 'mail', { keyId, sealed: changed }),
      ),
    ]
    for (const open of cases) {
      const error = errorOf(open)
      expect(error.code).to.equal('internal')
      expect(`${error.stack}`).to.include('is damaged').and.not.to.include('canary')
    }
  })

  it('needs a key, of 32 bytes', () => {
    expect(() => createSealer([])).to.throw(TypeError)
    expect(() => createSealer([{ keyId: 'x', key: randomBytes(16) }])).to.throw(TypeError)
  })
})
