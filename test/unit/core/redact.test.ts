import { expect } from 'chai'
import { redactSecrets, redactText } from '../../../src/core/redact.ts'

const canary = 'canary-0123456789'

describe('redactSecrets', () => {
  it('hides what stands under a telling name, at any depth and of any kind', () => {
    const names = [
      ...['password', 'Passwd', 'db_pwd', 'passphrase', 'secret', 'webhookSecret', 'client_secret', 'token', 'refresh_token'],
      ...[
        'Authorization',
        'auth',
        'Set-Cookie',
        'credentials',
        'api_key',
        'apiKey',
        'X-Api-Key',
        'private_key',
        'signing.key',
        'accessKeyId',
      ],
    ]
    for (const name of names) {
      for (const value of [canary, [canary], { inner: [{ deeper: canary }] }]) {
        const shown = redactSecrets({ list: [{ [name]: value, kept: 1 }] })
        expect(shown, name).to.deep.equal({ list: [{ [name]: '[redacted]', kept: 1 }] })
      }
    }
  })

  it('keeps settings, flags and what is not there', () => {
    const kept = {
      retry: { default: 'location', attempts: 5 },
      token_ttl_seconds: 900,
      has_secret: true,
      password: null,
      dedupe_key: 'order',
      keys: ['a'],
      payload_visibility: 'owner',
      author: 'Ada',
    }
    expect(redactSecrets(kept)).to.deep.equal(kept)
    for (const value of [null, true, 1, 'text', [], {}]) expect(redactSecrets(value)).to.deep.equal(value)
  })

  it('hides a number that is a secret', () => {
    expect(redactSecrets({ pin: 1234, db_password: 1 })).to.deep.equal({ pin: '[redacted]', db_password: '[redacted]' })
  })

  it('hides secrets of a known form in texts', () => {
    expect(redactSecrets({ url: `https://ada:${canary}@host/x`, header: `Bearer ${canary}` })).to.deep.equal({
      url: 'https://[redacted]@host/x',
      header: 'Bearer [redacted]',
    })
  })

  it('copies, and takes __proto__ for a name like any other', () => {
    const given = JSON.parse('{"__proto__":{"secret":"x"},"a":{"b":1}}')
    const shown = redactSecrets(given)
    expect(JSON.stringify(shown)).to.equal('{"__proto__":{"secret":"[redacted]"},"a":{"b":1}}')
    expect(Object.getPrototypeOf(shown)).to.equal(Object.prototype)
    expect(given.a).to.not.equal((shown as typeof given).a)
  })
})

describe('redactText', () => {
  it('hides the tokens and keys that the engine gives out', () => {
    const random = 'aB3_-'.repeat(9).slice(0, 43)
    for (const prefix of ['trt_', 'tiv_', 'tnt_a1b2c3d4_'])
      expect(redactText(`got ${prefix}${random}.`)).to.equal(`got ${prefix}[redacted].`)
    expect(redactText('the key tnt_a1b2c3d4 was used')).to.equal('the key tnt_a1b2c3d4 was used')
  })
})
