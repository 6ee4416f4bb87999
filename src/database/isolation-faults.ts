/** What would let one tenant see another's rows, told from what the catalog says. Pure. */

export interface IsolationFacts {
  readonly tenantRole: string
  readonly role: RoleFacts
  /** True for a service that row-level security does not concern: a superuser, or one with BYPASSRLS. */
  readonly serviceBypasses: boolean
  readonly service: string
  readonly tables: readonly TableFacts[]
  /** Partitions of `messages` that are not protected, or belong to the tenant role: a few of their names, and how many. */
  readonly openPartitions: { readonly names: readonly string[]; readonly count: number }
  /** Tables for which a session of the tenant role says that row-level security is not in force. */
  readonly inactive: readonly string[]
  /** What the tenant role may do beyond what it was granted: `update audit_log`. */
  readonly excess: readonly string[]
}

/** What a role may do by itself, whatever it is granted. */
export interface RoleFacts {
  /** It is the database user of the service. */
  readonly isService: boolean
  readonly isSuperuser: boolean
  readonly bypassesRowSecurity: boolean
  readonly mayCreateRoles: boolean
  /** What it owns of the engine's: `the database`, `the schema`, and a few of the tables. */
  readonly owns: readonly string[]
  /** Roles that it was granted, and may become by SET ROLE: it needs none. */
  readonly memberOf: readonly string[]
}

export interface TableFacts {
  readonly name: string
  readonly exists: boolean
  readonly isProtected: boolean
  readonly policies: readonly PolicyFacts[]
}

export interface PolicyFacts {
  readonly name: string
  readonly isPermissive: boolean
  readonly reachesTenantRole: boolean
  readonly reachesService: boolean
  /** As the server writes them; null when there is none. */
  readonly uses: string | null
  readonly checks: string | null
}

/** One sentence for each fault, with what has to be done; empty when tenants are kept apart. */
export function findIsolationFaults(facts: IsolationFacts): readonly string[] {
  const { role, tenantRole, tables, openPartitions } = facts
  const faults: string[] = [...findRoleFaults(tenantRole, role)]
  const tell = (names: readonly string[], text: (list: string) => string): void => {
    if (names.length > 0) faults.push(text(names.join(', ')))
  }
  const named = (condition: (table: TableFacts) => boolean): readonly string[] => tables.filter(condition).map(({ name }) => name)
  tell(
    named(({ exists }) => !exists),
    (list) => `there is no table ${list}: run the migrations`,
  )
  const there = tables.filter(({ exists }) => exists)
  const thereNamed = (condition: (table: TableFacts) => boolean): readonly string[] => there.filter(condition).map(({ name }) => name)
  tell(
    thereNamed(({ isProtected }) => !isProtected),
    (list) => `row-level security is not enabled and forced on ${list}: alter table … enable row level security, force row level security`,
  )
  // Whoever may become another role is shown what that one is.
  const isApart = !role.isSuperuser && role.memberOf.length === 0
  tell(
    (isApart ? there : []).flatMap(({ name, policies }) =>
      policies.filter((policy) => isTooWide(name, policy)).map((policy) => `${policy.name} on ${name}`),
    ),
    (list) => `a policy may let the role ${tenantRole} see more than its tenant: ${list}: drop it`,
  )
  tell(
    thereNamed(({ name, policies }) => !policies.some((policy) => policy.reachesTenantRole && isOwnTenant(name, policy))),
    (list) => `the policy that shows a tenant its rows is missing on ${list}`,
  )
  if (!facts.serviceBypasses) {
    tell(
      thereNamed(({ policies }) => !policies.some(showsAll)),
      (list) => `the database user ${facts.service} does not see every row of ${list}: alter policy service on … to ${facts.service}`,
    )
  }
  if (openPartitions.count > 0) {
    faults.push(`row-level security is not enabled and forced on ${openPartitions.count} partitions: ${openPartitions.names.join(', ')} …`)
  }
  if (faults.length === 0) tell(facts.inactive, (list) => `row-level security is not in force for the role ${tenantRole} on ${list}`)
  if (!role.isSuperuser) tell(facts.excess, (list) => `the role ${tenantRole} may ${list}: revoke it from it, or from PUBLIC`)
  return faults
}

/** The same of a role alone, which nothing that it is granted or denied would mend. */
export function findRoleFaults(name: string, role: RoleFacts): readonly string[] {
  const faults: string[] = []
  if (role.isService) faults.push(`the role ${name} is the database user of the service itself: requests must run as another one`)
  if (role.isSuperuser) faults.push(`the role ${name} is a superuser: requests must run as one that is not`)
  if (role.bypassesRowSecurity) faults.push(`the role ${name} bypasses row-level security: alter role ${name} nobypassrls`)
  if (role.mayCreateRoles) faults.push(`the role ${name} may make roles: alter role ${name} nocreaterole`)
  if (role.owns.length > 0) faults.push(`the role ${name} owns ${role.owns.join(', ')}: give it to the database user of the service`)
  if (role.memberOf.length > 0) {
    const list = role.memberOf.join(', ')
    faults.push(`the role ${name} is a member of ${list}: revoke ${list} from ${name}`)
  }
  return faults
}

const isTooWide = (table: string, policy: PolicyFacts): boolean =>
  policy.isPermissive && policy.reachesTenantRole && !isOwnTenant(table, policy)

const isOwnTenant = (table: string, { uses, checks }: PolicyFacts): boolean =>
  isLimited(table, uses) && (checks === null || isLimited(table, checks))

/** It is the whole of the engine's own condition: one that merely mentions the tenant may be true of every row. */
const isLimited = (table: string, expression: string | null): boolean =>
  expression !== null && withoutBrackets(expression) === withoutBrackets(toOwnTenant(table === 'tenants' ? 'id' : 'tenant_id'))

/** As the server writes it. */
const toOwnTenant = (column: string): string =>
  `(${column} = ( SELECT (NULLIF(current_setting('tenantry.tenant_id'::text, true), ''::text))::uuid AS "nullif"))`

/** Versions of PostgreSQL may differ in them; with others in other places these words would not be a condition. */
const withoutBrackets = (expression: string): string => expression.replaceAll(/('[^']*')|[\s()]/g, '$1')

const showsAll = ({ isPermissive, reachesService, uses, checks }: PolicyFacts): boolean =>
  isPermissive && reachesService && uses === 'true' && (checks === null || checks === 'true')
