/** The auth store on PostgreSQL. */
import type { AuthStore } from '../../core/ports/auth-store.ts'
import { type DatabaseClient, statements } from '../client.ts'
import { withLockRetries } from '../lock-retries.ts'
import { databaseNow } from './tenant-rows.ts'

export function createAuthStore(client: DatabaseClient): AuthStore {
  return {
    async findAdmin(username) {
      const query = statements
        .selectFrom('admins')
        .select(['id', 'username', 'password_hash', 'applied_hash'])
        .where('username', '=', username)
      const [row] = await client.rows(query)
      if (row === undefined) return undefined
      return { id: row.id, username: row.username, passwordHash: row.password_hash, appliedHash: row.applied_hash }
    },
    createAdminIfNone: ({ username, passwordHash, appliedHash }) =>
      withLockRetries(() =>
        client.transaction(async (run) => {
          await run('lock table admins in share row exclusive mode')
          return (await run(insertIfNone, [username, passwordHash, appliedHash])).length > 0
        }),
      ),
    async applyAdminPassword(username, appliedHash) {
      const update = statements
        .updateTable('admins')
        .set({ password_hash: appliedHash, applied_hash: appliedHash, updated_at: databaseNow })
        .where('username', '=', username)
        .returning('id')
      return (await client.rows(update)).length > 0
    },
    async noteAppliedPassword(username, appliedHash) {
      await client.rows(statements.updateTable('admins').set({ applied_hash: appliedHash }).where('username', '=', username))
    },
    async replaceAdminPassword(username, verifiedHash, passwordHash) {
      const update = statements
        .updateTable('admins')
        .set({ password_hash: passwordHash, updated_at: databaseNow })
        .where('username', '=', username)
        .where('password_hash', '=', verifiedHash)
        .returning('id')
      return (await client.rows(update)).length > 0
    },
  }
}

const insertIfNone =
  'insert into admins (username, password_hash, applied_hash) select $1, $2, $3 where not exists (select from admins) returning id'
