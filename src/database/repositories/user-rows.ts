/** How users are read from their rows. */
import type { User } from '../../core/ports/identity-store.ts'
import type { UsersTable } from '../schema.ts'

export const userColumns = ['id', 'tenant_id', 'username', 'role', 'created_at', 'updated_at'] as const

export type UserRow = Pick<UsersTable, 'id' | 'tenant_id' | 'username' | 'role'> & { readonly created_at: Date; readonly updated_at: Date }

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    username: row.username,
    role: row.role,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
