import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { createSealer, createSecretReader, createTenantSecrets } from '../../../src/secrets/index.ts'
import { tenantId } from '../../actors/support/samples.ts'
import { createMemorySecretStore } from './memory-secret-store.ts'

const otherTenantId = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId
const createKey = (keyId: string) => ({ keyId, key: randomBytes(32) })
const [first, second, lost] = [createKey('first'), createKey('second'), createKey('lost')]

function setup() {
  const store = createMemorySecretStore()
  const clock = { ms: 0 }
  const secrets = createTenantSecrets({ store, sealer: createSealer([first]), now: () => clock.ms })
  return { store, clock, secrets }
}

describe('the secrets of a tenant', () => {
  it('are sealed in the store and opened for their tenant alone', async () => {
    const { store, secrets } = setup()
    expect(await secrets.put(tenantId, 'mail', 'canary-1')).to.deep.equal({ replaced: false })
    expect(await secrets.put(tenantId, 'mail', 'canary-2')).to.deep.equal({ replaced: true })
    const [row] = store.rows.values()
    expect(row?.sealed.includes('canary')).to.equal(false)
    expect(await secrets.open(tenantId, 'mail')).to.equal('canary-2')
    expect(await secrets.open(otherTenantId, 'mail')).to.equal(undefined)
    expect(JSON.stringify(await secrets.list(tenantId)))
      .to.include('mail')
      .and.not.to.include('canary')
    expect(await secrets.remove(tenantId, 'mail')).to.equal(true)
    expect(await secrets.remove(tenantId, 'mail')).to.equal(false)
    expect(await secrets.open(tenantId, 'mail')).to.equal(undefined)
  })

  it('are remembered for five seconds, and no longer', async () => {
    const { store, clock, secrets } = setup()
    await secrets.put(tenantId, 'mail', 'old')
    expect([await secrets.open(tenantId, 'mail'), await secrets.open(tenantId, 'sms')]).to.deep.equal(['old', undefined])
    // Another node.
    await createTenantSecrets({ store, sealer: createSealer([first]) }).put(tenantId, 'mail', 'new')
    clock.ms = 4_999
    expect([await secrets.open(tenantId, 'mail'), await secrets.open(tenantId, 'sms')]).to.deep.equal(['old', undefined])
    expect(store.reads).to.equal(2)
    clock.ms = 5_000
    expect(await secrets.open(tenantId, 'mail')).to.equal('new')
  })

  it('are forgotten when they are changed or removed here, also while they are read', async () => {
    const { store, secrets } = setup()
    await secrets.put(tenantId, 'mail', 'old')
    const gate = Promise.withResolvers<void>()
    store.gate = gate.promise
    const reading = secrets.open(tenantId, 'mail')
    await secrets.put(tenantId, 'mail', 'new')
    gate.resolve()
    expect(await reading).to.equal('old')
    expect(await secrets.open(tenantId, 'mail')).to.equal('new')
    await secrets.remove(tenantId, 'mail')
    expect(await secrets.open(tenantId, 'mail')).to.equal(undefined)
  })

  it('are read again after a failure', async () => {
    const { store, secrets } = setup()
    await secrets.put(tenantId, 'mail', 'x')
    store.failure = new AppError('database.unavailable', 'away', { retryable: true })
    expect(await secrets.open(tenantId, 'mail').catch((error: AppError) => error.code)).to.equal('database.unavailable')
    store.failure = undefined
    expect(await secrets.open(tenantId, 'mail')).to.equal('x')
  })

  it('do not fill the memory of a node', async () => {
    const { store, secrets } = setup()
    for (let number = 0; number < 1_500; number++) await secrets.open(tenantId, `name-${number}`)
    await secrets.open(tenantId, 'name-1499')
    expect(store.reads).to.equal(1_500)
    await secrets.open(tenantId, 'name-0')
    expect(store.reads).to.equal(1_501)
  })

  it('are sealed anew with the current key, all but those that nobody can open', async () => {
    const store = createMemorySecretStore()
    const before = createTenantSecrets({ store, sealer: createSealer([first]) })
    const unopened = createTenantSecrets({ store, sealer: createSealer([lost]) })
    for (let number = 0; number < 130; number++) await unopened.put(otherTenantId, `name-${number}`, 'x')
    for (let number = 0; number < 230; number++) await before.put(tenantId, `name-${number}`, `value-${number}`)
    const after = createTenantSecrets({ store, sealer: createSealer([second, first]) })
    expect(await after.resealAll()).to.deep.equal({ resealed: 230, unopened: [{ keyId: 'lost', count: 130 }] })
    // The first key is not needed any more.
    const alone = createTenantSecrets({ store, sealer: createSealer([second]) })
    expect(await alone.open(tenantId, 'name-229')).to.equal('value-229')
    expect(await alone.resealAll()).to.deep.equal({ resealed: 0, unopened: [{ keyId: 'lost', count: 130 }] })
    const refused = await alone.open(otherTenantId, 'name-0').catch((error: AppError) => error.message)
    expect(refused).to.include('the key lost')
  })

  it('are sealed anew once, though another node seals them back', async () => {
    const store = createMemorySecretStore()
    const other = createTenantSecrets({ store, sealer: createSealer([first, second]) })
    for (let number = 0; number < 20; number++) await other.put(tenantId, `name-${number}`, 'x')
    const stubborn = {
      ...store,
      replace: async (...args: Parameters<typeof store.replace>) => {
        await store.replace(...args)
        await other.resealAll()
      },
    }
    const secrets = createTenantSecrets({ store: stubborn, sealer: createSealer([second, first]) })
    expect(await secrets.resealAll()).to.deep.equal({ resealed: 20, unopened: [] })
  })
})

describe('a handler’s reader', () => {
  const errorOf = async (name: unknown): Promise<Error> => {
    const { secrets } = setup()
    return createSecretReader(secrets)(tenantId)(name as string).then(
      () => new Error('it has read'),
      (error: Error) => error,
    )
  }

  it('gives the value', async () => {
    const { secrets } = setup()
    await secrets.put(tenantId, 'mail', 'x')
    expect(await createSecretReader(secrets)(tenantId)('mail')).to.equal('x')
  })

  it('says which secret is missing and how to set it', async () => {
    const error = await errorOf('mail.api-key')
    expect(error).to.be.instanceOf(AppError).with.property('code', 'secret.missing')
    expect(error.message).to.equal(`the tenant has no secret "mail.api-key"; PUT /v1/tenants/${tenantId}/secrets/mail.api-key sets it`)
  })

  it('does not repeat what is not a name', async () => {
    for (const name of ['canary canary', 'canary\n', '', '.canary', 'canary'.repeat(11), undefined, { name: 'canary' }]) {
      const error = await errorOf(name)
      expect(error, String(name)).to.be.instanceOf(TypeError)
      expect(error.message).to.not.include('canary')
    }
  })
})
