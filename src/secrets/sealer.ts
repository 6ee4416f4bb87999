/** Seals a tenant's secrets, so that whoever reads the database reads none of them. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { SealedSecret } from '../core/ports/secret-store.ts'

export interface SealingKey {
  /** Names the key beside what it has sealed; tells nothing about it. */
  readonly keyId: string
  /** 32 bytes. */
  readonly key: Buffer
}

export interface Sealer {
  /** Of the key that seals. */
  readonly keyId: string
  seal(tenantId: TenantId, name: string, value: string): SealedSecret
  /**
   * Errors: AppError `config.invalid`, naming the key that is missing; `internal` when the sealed bytes are not those that were
   * sealed for this tenant and name.
   */
  open(tenantId: TenantId, name: string, secret: SealedSecret): string
}

const algorithm = 'aes-256-gcm'
const version = 1
const nonceBytes = 12
const tagBytes = 16

/**
 * The first key seals, any of them opens.
 *
 * AES-256-GCM with a random nonce for each sealing. Tenant and name are authenticated with it: sealed bytes that somebody moves to
 * another row do not open.
 *
 * Shape:  `sealed` is 1 byte version (1), 12 bytes nonce, the ciphertext of the value in UTF-8, 16 bytes tag.
 * Errors: TypeError without a key, or with one that has not 32 bytes.
 */
export function createSealer(keys: readonly SealingKey[]): Sealer {
  const [current] = keys
  if (!current) throw new TypeError('createSealer: takes at least one key')
  if (keys.some(({ key }) => key.length !== 32)) throw new TypeError('createSealer: a key has 32 bytes')

  return {
    keyId: current.keyId,
    seal(tenantId, name, value) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv(algorithm, current.key, nonce, { authTagLength: tagBytes }).setAAD(toContext(tenantId, name))
      const sealed = Buffer.concat([Buffer.of(version), nonce, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return { keyId: current.keyId, sealed }
    },
    open(tenantId, name, { keyId, sealed }) {
      const key = keys.find((candidate) => candidate.keyId === keyId)?.key
      if (!key) throw missingKey(tenantId, name, keyId)
      try {
        return decipher(key, toContext(tenantId, name), sealed)
      } catch {
        throw new AppError('internal', `the stored secret "${name}" of tenant ${tenantId} is damaged: set it again`, { scope: 'tenant' })
      }
    },
  }
}

function decipher(key: Buffer, context: Buffer, sealed: Buffer): string {
  if (sealed.length < 1 + nonceBytes + tagBytes || sealed[0] !== version) throw new TypeError('not a sealed secret')
  const bodyStart = 1 + nonceBytes
  const bodyEnd = sealed.length - tagBytes
  const opened = createDecipheriv(algorithm, key, sealed.subarray(1, bodyStart), { authTagLength: tagBytes })
    .setAAD(context)
    .setAuthTag(sealed.subarray(bodyEnd))
  return Buffer.concat([opened.update(sealed.subarray(bodyStart, bodyEnd)), opened.final()]).toString('utf8')
}

// A tenant's id has always the same length, so no other pair of tenant and name gives the same bytes.
const toContext = (tenantId: TenantId, name: string): Buffer => Buffer.from(`${tenantId}/${name}`)

const missingKey = (tenantId: TenantId, name: string, keyId: string): AppError =>
  new AppError(
    'config.invalid',
    `the secret "${name}" of tenant ${tenantId} was sealed with the key ${keyId}, which this node does not have: give it the secret that ` +
      'the installation had then as secret_previous (TENANTRY_SECRET_PREVIOUS), or set the tenant’s secret again',
    { scope: 'tenant', details: { key_id: keyId } },
  )
