/** The invitation store on PostgreSQL. One that has expired counts as gone; the tenant's next removes it. */
import { sql } from 'kysely'
import { AppError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { IdentityPage, IdentityQuery, Invitation, InvitationStore } from '../../core/ports/identity-store.ts'
import { type Statements, statements } from '../client.ts'
import { createdAtMicros, isAfter } from '../keyset.ts'
import type { InvitationsTable } from '../schema.ts'
import { runIdentity, tenantMissing } from './identity-errors.ts'
import { toPage } from './identity-page.ts'
import { databaseNow } from './tenant-rows.ts'
import { toUser, type UserRow, userColumns } from './user-rows.ts'

const invitationColumns = ['id', 'tenant_id', 'role', 'username', 'invited_by', 'created_at', 'expires_at'] as const
type InvitationRow = Pick<InvitationsTable, 'id' | 'tenant_id' | 'role' | 'username' | 'invited_by'> & {
  readonly created_at: Date
  readonly expires_at: Date
}

/** `requests` runs what a request asks for, `service` what is not limited to a request's tenant. */
export function createInvitationStore(requests: Statements, service: Statements): InvitationStore {
  return {
    async create({ tenantId, id, hash, role, username, invitedBy, invitedById, lifetimeMs }) {
      const values = [tenantId, id, hash, role, username, invitedBy, lifetimeMs, invitedById]
      const [row] = (await runIdentity(() => requests.run(creating, values))) as unknown as InvitationRow[]
      if (row === undefined) throw tenantMissing()
      return toInvitation(row)
    },
    list: (tenantId, query) => listInvitations(requests, tenantId, query),
    async remove(tenantId, id) {
      const [row] = (await requests.run(removing, [tenantId, id])) as unknown as InvitationRow[]
      return row === undefined ? undefined : toInvitation(row)
    },
    async accept(hash, { id, username, passwordHash }) {
      const values = [hash, id, username, passwordHash]
      const [row] = (await runIdentity(() => service.run(accepting, values))) as unknown as UserRow[]
      if (row === undefined) throw new AppError('invitation.invalid', 'the invitation cannot be used', { scope: 'tenant' })
      return toUser(row)
    },
  }
}

async function listInvitations(client: Statements, tenantId: TenantId, query: IdentityQuery): Promise<IdentityPage<Invitation>> {
  const { after, limit } = query
  let invitations = statements
    .selectFrom('invitations')
    .select([...invitationColumns, createdAtMicros.as('micros')])
    .where('tenant_id', '=', tenantId)
    .where('expires_at', '>', databaseNow)
    .where(sql<boolean>`${sql.raw(isOfOwner('invitations'))}`)
  if (after !== undefined) invitations = invitations.where(isAfter(after))
  const newest = invitations.orderBy('created_at', 'desc').orderBy('id', 'desc')
  return toPage(await client.rows(newest.limit(limit + 1)), limit, toInvitation)
}

function toInvitation(row: InvitationRow): Invitation {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    role: row.role,
    username: row.username,
    invitedBy: row.invited_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}

// Whoever takes an owner's role away removes their invitations, but for one that is made in the same instant. Not by `exists`, for
// which a plan may read every user.
const isOfOwner = (invitation: string): string =>
  `(${invitation}.invited_by_id is null or (
    select u.role from users u where u.tenant_id = ${invitation}.tenant_id and u.id = ${invitation}.invited_by_id
  ) = 'owner')`

const columns = invitationColumns.join(', ')

const creating = `
with expired as (
  delete from invitations where tenant_id = $1 and expires_at <= now()
)
insert into invitations (tenant_id, id, hash, role, username, invited_by, invited_by_id, expires_at)
select id, $2::uuid, $3, $4, $5, $6, $8::uuid, now() + $7 * interval '1 millisecond' from tenants
where id = $1 and status <> 'deleting' and ($8::uuid is null or exists (select from users where tenant_id = $1 and id = $8 and role = 'owner'))
returning ${columns}`

const removing = `delete from invitations where tenant_id = $1 and id = $2 and expires_at > now() returning ${columns}`

// A user whose name is taken undoes the whole statement, so the invitation can be used with another name.
const accepting = `
with used as (
  delete from invitations i using tenants t
  where i.hash = $1 and i.expires_at > now() and (i.username is null or i.username = $3) and ${isOfOwner('i')}
    and t.id = i.tenant_id and t.status <> 'deleting'
  returning i.tenant_id, i.role
)
insert into users (tenant_id, id, username, password_hash, role) select tenant_id, $2::uuid, $3, $4, role from used
returning ${userColumns.join(', ')}`
