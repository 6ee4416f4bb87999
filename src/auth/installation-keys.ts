/** Derives the installation's keys from its secret: one for each purpose, so that none gives away another. */
import { createHash, hkdfSync } from 'node:crypto'

/** Signs and verifies access tokens. */
export interface TokenKey {
  readonly kid: string
  readonly key: Buffer
}

/** Seals and opens the secrets of tenants. */
export interface SealingKey {
  readonly keyId: string
  readonly key: Buffer
}

/** The first of each is the current one, which signs and seals; all verify and open. */
export interface InstallationKeys {
  readonly tokens: readonly TokenKey[]
  readonly sealing: readonly SealingKey[]
  /** Seal what the nodes say to each other. */
  readonly peers: readonly Buffer[]
}

/**
 * The same keys for the same secrets, on every node.
 *
 * Shape:  keys of 32 bytes (HKDF-SHA256); an id is the first 16 hexadecimal digits of the key's SHA-256.
 * Source: docs/adr/0013-identity.md
 */
export function deriveKeys({ current, previous }: { readonly current: string; readonly previous?: string | undefined }): InstallationKeys {
  const secrets = previous === undefined || previous === current ? [current] : [current, previous]
  return {
    tokens: secrets.map((secret) => {
      const key = derive(secret, 'tenantry token')
      return { kid: idOf(key), key }
    }),
    sealing: secrets.map((secret) => {
      const key = derive(secret, 'tenantry seal')
      return { keyId: idOf(key), key }
    }),
    peers: secrets.map((secret) => derive(secret, 'tenantry peers')),
  }
}

const derive = (secret: string, purpose: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', purpose, 32))

const idOf = (key: Buffer): string => createHash('sha256').update(key).digest('hex').slice(0, 16)
