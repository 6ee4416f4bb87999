/** Users, sessions, invitations, API keys, the audit log, tenants' secrets, and the counters of rate limits. */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  // The keys that sign tokens come from the installation's secret now.
  await sql`drop table signing_keys`.execute(db)
  await noteAppliedPassword(db)
  await createUsers(db)
  await createSessions(db)
  await createInvitations(db)
  await createApiKeys(db)
  await createAuditLog(db)
  await createTenantSecrets(db)
  await createRateLimits(db)
}

/** What was last set from the configuration: unless the configuration changes, a password that an admin has chosen since stays. */
async function noteAppliedPassword(db: Kysely<unknown>): Promise<void> {
  await sql`alter table admins add column applied_hash text`.execute(db)
}

async function createUsers(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table users (
      tenant_id uuid not null constraint users_tenant_fkey references tenants (id) on delete cascade,
      id uuid not null,
      username text not null,
      password_hash text not null,
      role text not null constraint users_role_check check (role in ('viewer', 'member', 'operator', 'owner')),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      constraint users_pkey primary key (tenant_id, id),
      constraint users_username_key unique (tenant_id, username)
    )`.execute(db)
  await sql`create index users_newest_idx on users (tenant_id, created_at desc, id desc)`.execute(db)
  await sql`create index users_owners_idx on users (tenant_id, id) where role = 'owner'`.execute(db)
}

/**
 * `ended_at` is set when a spent token came back: the session is over, and its hashes stay, so that each return is known for one.
 * `refresh_tokens.expires_at` is the session's when the token was given: beyond it nobody needs to know the hash.
 */
async function createSessions(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table sessions (
      id uuid not null constraint sessions_pkey primary key,
      tenant_id uuid,
      user_id uuid,
      admin_id uuid constraint sessions_admin_fkey references admins (id) on delete cascade,
      created_at timestamptz not null default now(),
      last_used_at timestamptz not null default now(),
      expires_at timestamptz not null,
      ended_at timestamptz,
      address text not null,
      user_agent text,
      constraint sessions_user_fkey foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
      constraint sessions_owner_check check (num_nonnulls(user_id, admin_id) = 1 and (user_id is null) = (tenant_id is null))
    )`.execute(db)
  await sql`create index sessions_user_idx on sessions (tenant_id, user_id) where tenant_id is not null`.execute(db)
  await sql`create index sessions_admin_idx on sessions (admin_id) where admin_id is not null`.execute(db)
  await sql`create index sessions_expiry_idx on sessions (expires_at)`.execute(db)
  await sql`
    create table refresh_tokens (
      hash bytea not null constraint refresh_tokens_pkey primary key,
      session_id uuid not null constraint refresh_tokens_session_fkey references sessions (id) on delete cascade,
      tenant_id uuid,
      expires_at timestamptz not null,
      spent_at timestamptz
    )`.execute(db)
  await sql`create index refresh_tokens_session_idx on refresh_tokens (session_id)`.execute(db)
  await sql`create index refresh_tokens_expiry_idx on refresh_tokens (expires_at)`.execute(db)
}

/** `invited_by_id` is null unless a user of the tenant invites: nobody comes in by an invitation of somebody who was sent away. */
async function createInvitations(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table invitations (
      tenant_id uuid not null constraint invitations_tenant_fkey references tenants (id) on delete cascade,
      id uuid not null,
      hash bytea not null constraint invitations_hash_key unique,
      role text not null constraint invitations_role_check check (role in ('viewer', 'member', 'operator', 'owner')),
      username text,
      invited_by text,
      invited_by_id uuid,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      constraint invitations_pkey primary key (tenant_id, id),
      constraint invitations_inviter_fkey foreign key (tenant_id, invited_by_id) references users (tenant_id, id) on delete cascade
    )`.execute(db)
  await sql`create index invitations_inviter_idx on invitations (tenant_id, invited_by_id) where invited_by_id is not null`.execute(db)
  await sql`create index invitations_newest_idx on invitations (tenant_id, created_at desc, id desc)`.execute(db)
}

async function createApiKeys(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table api_keys (
      tenant_id uuid not null constraint api_keys_tenant_fkey references tenants (id) on delete cascade,
      id uuid not null,
      name text not null,
      prefix text not null,
      hash bytea not null constraint api_keys_hash_key unique,
      scopes text[] not null constraint api_keys_scopes_check check (
        cardinality(scopes) > 0 and scopes <@ array['publish', 'read', 'operate']
      ),
      created_by text,
      created_at timestamptz not null default now(),
      last_used_at timestamptz,
      expires_at timestamptz,
      constraint api_keys_pkey primary key (tenant_id, id)
    )`.execute(db)
  await sql`create index api_keys_newest_idx on api_keys (tenant_id, created_at desc, id desc)`.execute(db)
  // For noting a use, which knows the key alone.
  await sql`create index api_keys_id_idx on api_keys (id)`.execute(db)
}

/** The tenant of an entry may have gone: what was done to it stays known. */
async function createAuditLog(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table audit_log (
      id uuid not null constraint audit_log_pkey primary key,
      at timestamptz not null default now(),
      tenant_id uuid,
      doer_kind text not null constraint audit_log_doer_kind_check check (doer_kind in ('admin', 'tenant_user', 'api_key', 'anonymous')),
      doer_id text,
      doer_name text,
      action text not null,
      resource text,
      address text not null,
      request_id text not null,
      before jsonb,
      after jsonb
    )`.execute(db)
  await sql`create index audit_log_tenant_idx on audit_log (tenant_id, at desc, id desc)`.execute(db)
  await sql`create index audit_log_action_idx on audit_log (tenant_id, action, at desc, id desc)`.execute(db)
  await sql`create index audit_log_newest_idx on audit_log (at desc, id desc)`.execute(db)
  // Rows are added, and go with their tenant; nobody changes one, this program's own account included.
  await sql`revoke update, truncate on audit_log from current_user`.execute(db)
}

async function createTenantSecrets(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table tenant_secrets (
      tenant_id uuid not null constraint tenant_secrets_tenant_fkey references tenants (id) on delete cascade,
      name text not null,
      key_id text not null,
      sealed bytea not null,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      constraint tenant_secrets_pkey primary key (tenant_id, name)
    )`.execute(db)
  await sql`create index tenant_secrets_key_idx on tenant_secrets (key_id)`.execute(db)
}

/** As rate-limiter-flexible wants it; `expire` in epoch milliseconds. Counters of seconds are not worth a write-ahead log. */
async function createRateLimits(db: Kysely<unknown>): Promise<void> {
  await sql`
    create unlogged table rate_limits (
      key varchar(255) constraint rate_limits_pkey primary key,
      points integer not null default 0,
      expire bigint
    )`.execute(db)
  await sql`create index rate_limits_expiry_idx on rate_limits (expire)`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table rate_limits, tenant_secrets, audit_log, api_keys, invitations, refresh_tokens, sessions, users`.execute(db)
  await sql`alter table admins drop column applied_hash`.execute(db)
  await sql`
    create table signing_keys (
      kid text primary key,
      secret bytea not null,
      created_at timestamptz not null default now()
    )`.execute(db)
}
