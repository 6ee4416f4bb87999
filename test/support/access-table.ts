/**
 * Writes the authorization table of docs/security.md from the one that the code decides by: `node test/support/access-table.ts --write`.
 * Without `--write` it prints the table.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Action, accessTable, actions, may, type Principal } from '../../src/auth/index.ts'
import { apiKeyScopes, tenantRoles } from '../../src/core/identity.ts'
import type { TenantId } from '../../src/core/ids.ts'
import type { Route } from '../../src/http/route.ts'
import { createApiRoutes } from '../../src/http/routes/index.ts'
import { createMemoryApi } from '../unit/http/start-api.ts'

export const documentPath = join(import.meta.dirname, '../../docs/security.md')

const marks = { begin: '<!-- access -->', end: '<!-- /access -->' } as const
const tenantId = '01990000-0000-7000-8000-000000000001' as TenantId

/** Everybody the table has a column for, the weakest role first. */
const columns: readonly (readonly [head: string, principal: Principal])[] = [
  ...tenantRoles.map((role) => [role, { kind: 'tenant_user', id: 'u', username: 'u', tenantId, role, sessionId: 's' }] as const),
  ['admin', { kind: 'admin', id: 'a', username: 'a', sessionId: 's' }],
]

/** One row for each action: the routes that it covers, and what `may` answers to each role. */
function renderAccessTable(): string {
  const routes = Map.groupBy(createApiRoutes(createMemoryApi().options), ({ action }) => action)
  const head = ['action', 'routes', ...columns.map(([name]) => name), 'API key scope']
  const rows = actions.map((action) => [
    `\`${action}\``,
    (routes.get(action) ?? []).map(toName).join('<br>') || whereAsked(action),
    ...columns.map(([, principal]) => (may(principal, action, tenantId) === 'granted' ? 'yes' : '')),
    apiKeyScopes.filter((scope) => accessTable[action].scopes.includes(scope)).join(', '),
  ])
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const toName = ({ method, path }: Route): string => `\`${method.toUpperCase()} ${path}\``

/** Errors: throws for an action that nothing asks for. */
function whereAsked(action: Action): string {
  if (action === 'tenant.rename') return '`name` in `PUT` and `PATCH /tenants/{id}`'
  if (action === 'tenant.change_payload_visibility') return 'the key `payload_visibility` of a configuration'
  if (action === 'tenant.change_rate_limits') return 'the key `rate_limits` of a configuration'
  throw new Error(`no route has the action ${action}`)
}

/** The document with its table replaced. Errors: throws when it has no marks. */
export function withAccessTable(document: string): string {
  const [begin, end] = [document.indexOf(marks.begin), document.indexOf(marks.end)]
  if (begin < 0 || end < begin) throw new Error(`docs/security.md has no ${marks.begin} … ${marks.end}`)
  return `${document.slice(0, begin)}${marks.begin}\n\n${renderAccessTable()}\n\n${document.slice(end)}`
}

if (import.meta.main) {
  if (process.argv.includes('--write')) await writeFile(documentPath, withAccessTable(await readFile(documentPath, 'utf8')))
  else process.stdout.write(`${renderAccessTable()}\n`)
}
