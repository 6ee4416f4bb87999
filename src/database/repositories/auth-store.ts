/** The auth store on PostgreSQL. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { AuthStore, SigningKey } from '../../core/ports/auth-store.ts'
import { type DatabaseClient, statements } from '../client.ts'
import { withLockRetries } from '../lock-retries.ts'
import { databaseNow } from './tenant-rows.ts'

const secretBytes = 32

export function createAuthStore(client: DatabaseClient): AuthStore {
  return {
    async findAdmin(username) {
      const query = statements.selectFrom('admins').select(['id', 'username', 'password_hash']).where('username', '=', username)
      const [row] = await client.rows(query)
      return row === undefined ? undefined : { id: row.id, username: row.username, passwordHash: row.password_hash }
    },
    createAdminIfNone: ({ username, passwordHash }) =>
      whileAlone(
        client,
        'admins',
        'insert into admins (username, password_hash) select $1, $2 where not exists (select from admins) returning id',
        [username, passwordHash],
      ),
    async setAdminPassword(username, passwordHash) {
      const update = statements
        .updateTable('admins')
        .set({ password_hash: passwordHash, updated_at: databaseNow })
        .where('username', '=', username)
        .returning('id')
      return (await client.rows(update)).length > 0
    },
    async signingKeys() {
      const keys = await readKeys(client)
      if (keys.length > 0) return keys
      await whileAlone(
        client,
        'signing_keys',
        'insert into signing_keys (kid, secret) select $1, $2 where not exists (select from signing_keys) returning kid',
        [randomUUID(), randomBytes(secretBytes)],
      )
      return readKeys(client)
    },
  }
}

/** True when the insertion, made while no one else can write the table, returned a row. */
function whileAlone(
  client: DatabaseClient,
  table: 'admins' | 'signing_keys',
  insertion: string,
  values: readonly unknown[],
): Promise<boolean> {
  return withLockRetries(() =>
    client.transaction(async (run) => {
      await run(`lock table ${table} in share row exclusive mode`)
      return (await run(insertion, values)).length > 0
    }),
  )
}

async function readKeys(client: DatabaseClient): Promise<readonly SigningKey[]> {
  const query = statements.selectFrom('signing_keys').select(['kid', 'secret'])
  return client.rows(query.orderBy('created_at', 'desc').orderBy('kid', 'desc'))
}
