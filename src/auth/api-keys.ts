/** The keys of a tenant's machines. */
import { randomUUIDv7 } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { ApiKey, ApiKeyStore, IdentityHints } from '../core/ports/identity-store.ts'
import type { Identity } from './identity.ts'
import { hashToken, newApiKey } from './opaque-tokens.ts'
import { nameOf } from './principal.ts'

export interface ApiKeysOptions {
  readonly store: ApiKeyStore
  readonly hints: Pick<IdentityHints, 'announce'>
  readonly now: () => number
}

/** A key that takes another's place keeps its name and scopes, and lives as long from now as the other was meant to. */
export function createApiKeys({ store, hints, now }: ApiKeysOptions): Identity['apiKeys'] {
  return {
    async create(tenantId, { name, scopes, expiresAt, createdBy }) {
      const { prefix, secret } = newApiKey()
      const id = randomUUIDv7()
      const key = await store.create({
        id,
        tenantId,
        name,
        prefix,
        hash: hashToken(secret),
        scopes,
        createdBy: nameOf(createdBy),
        expiresAt,
      })
      return { key, secret }
    },

    list: (tenantId, query) => store.list(tenantId, query),

    async rotate(tenantId, id, overlapMs, by) {
      const current = (await store.find(tenantId, id)) ?? missing()
      const { prefix, secret } = newApiKey()
      const next = {
        id: randomUUIDv7(),
        tenantId,
        name: current.name,
        prefix,
        hash: hashToken(secret),
        scopes: current.scopes,
        createdBy: nameOf(by),
        expiresAt: expiryOfNext(current, now()),
      }
      const rotated = (await store.rotate(tenantId, id, next, overlapMs)) ?? refuse(await store.find(tenantId, id))
      hints.announce({ of: 'api_key', id })
      return { old: rotated.old, key: rotated.next, secret }
    },

    async remove(tenantId, id) {
      const key = (await store.remove(tenantId, id)) ?? missing()
      hints.announce({ of: 'api_key', id })
      return key
    },
  }
}

const expiryOfNext = ({ createdAt, expiresAt }: ApiKey, nowMs: number): Date | null =>
  expiresAt && new Date(nowMs + expiresAt.getTime() - createdAt.getTime())

function refuse(key: ApiKey | undefined): never {
  if (!key?.replacedAt) return missing()
  throw new AppError('api_key.rotated', 'Another API key has taken the place of this one.')
}

function missing(): never {
  throw new AppError('api_key.missing', 'There is no such API key in this tenant; it may have expired.')
}
