/** The user store on PostgreSQL. */
import { AppError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { IdentityPage, IdentityQuery, User, UserStore } from '../../core/ports/identity-store.ts'
import { type Statements, statements } from '../client.ts'
import { createdAtMicros, isAfter } from '../keyset.ts'
import { runIdentity, tenantMissing } from './identity-errors.ts'
import { toPage } from './identity-page.ts'
import { toUser, type UserRow, userColumns } from './user-rows.ts'

/** `requests` runs what a request asks for, `service` what is not limited to a request's tenant. */
export function createUserStore(requests: Statements, service: Statements): UserStore {
  return {
    async create({ tenantId, id, username, passwordHash, role }) {
      const [row] = await runUsers(requests, inserting, [tenantId, id, username, passwordHash, role])
      if (row === undefined) throw tenantMissing()
      return toUser(row)
    },
    list: (tenantId, query) => listUsers(requests, tenantId, query),
    async find(tenantId, id) {
      const query = statements.selectFrom('users').select(userColumns).where('tenant_id', '=', tenantId).where('id', '=', id)
      const [row] = await requests.rows(query)
      return row === undefined ? undefined : toUser(row)
    },
    async findForLogin(tenantId, username) {
      const [row] = (await service.run(findingForLogin, [tenantId, username])) as unknown as (UserRow & { password_hash: string })[]
      return row === undefined ? undefined : { ...toUser(row), passwordHash: row.password_hash }
    },
    async passwordHashOf(tenantId, id) {
      const [row] = (await service.run(findingHash, [tenantId, id])) as unknown as { password_hash: string }[]
      return row?.password_hash
    },
    async replacePassword(tenantId, id, verifiedHash, passwordHash) {
      return (await service.run(replacingPassword, [tenantId, id, verifiedHash, passwordHash])).length > 0
    },
    async change(tenantId, id, { role, passwordHash }) {
      const values = [tenantId, id, role ?? null, ...(passwordHash === undefined ? [] : [passwordHash])]
      const [before, after] = await runUsers(requests, passwordHash === undefined ? changingRole : changingPassword, values)
      if (before === undefined) return undefined
      if (after === undefined) throw lastOwner()
      return { before: toUser(before), after: toUser(after) }
    },
    async remove(tenantId, id) {
      const [before, removed] = await runUsers(requests, removing, [tenantId, id])
      if (before === undefined) return undefined
      if (removed === undefined) throw lastOwner()
      return toUser(before)
    },
  }
}

const runUsers = (client: Statements, text: string, values: readonly unknown[]): Promise<readonly UserRow[]> =>
  runIdentity(async () => (await client.run(text, values)) as unknown as readonly UserRow[])

const lastOwner = (): AppError => new AppError('user.last_owner', 'the tenant has no other owner', { scope: 'tenant' })

async function listUsers(client: Statements, tenantId: TenantId, { after, limit }: IdentityQuery): Promise<IdentityPage<User>> {
  let users = statements
    .selectFrom('users')
    .select([...userColumns, createdAtMicros.as('micros')])
    .where('tenant_id', '=', tenantId)
  if (after !== undefined) users = users.where(isAfter(after))
  const newest = users.orderBy('created_at', 'desc').orderBy('id', 'desc')
  return toPage(await client.rows(newest.limit(limit + 1)), limit, toUser)
}

const columns = userColumns.join(', ')

const inserting = `
insert into users (tenant_id, id, username, password_hash, role)
select id, $2::uuid, $3, $4, $5 from tenants where id = $1 and status <> 'deleting'
returning ${columns}`

const isInLivingTenant = "exists (select from tenants t where t.id = users.tenant_id and t.status <> 'deleting')"

const findingForLogin = `
select ${columns}, password_hash from users where tenant_id = $1 and username = $2 and ${isInLivingTenant}`

const findingHash = `
select password_hash from users where tenant_id = $1 and id = $2 and ${isInLivingTenant}`

const replacingPassword = `
update users set password_hash = $4, updated_at = now() where tenant_id = $1 and id = $2 and password_hash = $3 and ${isInLivingTenant}
returning id`

// Everybody who changes the role of a user, or removes one, locks the tenant's owners first, in the order of their ids: of two who take the last two
// away at once, the second waits and then sees what the first has left, and nobody waits for each other. The lock reads the row as
// it is by then, which a plain look in the same statement would not. Whether the user is an owner is read under the lock too.
const locked = `
with owners as (
  select id from users where tenant_id = $1 and role = 'owner' order by id for no key update
), before as (
  select ${columns} from users where tenant_id = $1 and id = $2 and (select count(*) from owners) >= 0 for no key update
)`

const leavesAnOwner = "((select role from before) <> 'owner' or exists (select from owners where id <> $2))"

// A password that stays is not written as what it was: requests may not read it.
const changing = (setPassword: string): string => `${locked}, after as (
  update users set role = coalesce($3, role), ${setPassword} updated_at = now()
  where tenant_id = $1 and id = (select id from before) and (coalesce($3, 'owner') = 'owner' or ${leavesAnOwner})
  returning ${columns}
), withdrawn as (
  delete from invitations
  where tenant_id = $1 and invited_by_id = (select id from after where role <> 'owner') and (select role from before) = 'owner'
)
select ${columns} from before union all select ${columns} from after`

const changingRole = changing('')
const changingPassword = changing('password_hash = $4,')

const removing = `${locked}, removed as (
  delete from users where tenant_id = $1 and id = (select id from before) and ${leavesAnOwner} returning ${columns}
)
select ${columns} from before union all select ${columns} from removed`
