/** What each credential should be told, by the published access table alone. */
import { accessTable } from '../../../../src/auth/index.ts'
import { isAboutTenant, type Operation } from '../../document/operations.ts'
import type { Shown } from './variants.ts'

export type Expected =
  /** Whatever the request lacks, it is not credentials. */
  'granted' | 401 | 403 | 404

const ranks = ['viewer', 'member', 'operator', 'owner'] as const

/**
 * | shown as               | action              | told    |
 * | anybody                | public              | granted |
 * | nobody                 | any other           | 401     |
 * | admin                  | any other           | granted |
 * | of another tenant      | on a tenant         | 404     |
 * | user of a lesser role  | needs more          | 403     |
 * | key of another scope   | needs another, or none will do | 403 |
 *
 * Shape:  `tenantId` is the tenant that the path names. Errors: throws for an action without a row.
 */
export function expect401To404(operation: Operation, shown: Shown, tenantId: string): Expected {
  if (operation.action === 'public') return 'granted'
  const rule = (accessTable as Readonly<Record<string, { readonly least: string; readonly scopes?: readonly string[] } | undefined>>)[
    operation.action
  ]
  if (!rule) throw new Error(`the access table has no row for ${operation.action}`)
  if (shown.kind === 'nobody') return 401
  if (shown.kind === 'admin') return 'granted'
  if (isAboutTenant(operation) && shown.tenantId !== tenantId) return 404
  if (shown.kind === 'key') return rule.scopes?.includes(shown.scope) ? 'granted' : 403
  if (rule.least === 'anyone') return 'granted'
  if (rule.least === 'platform') return 403
  return ranks.indexOf(shown.role) >= ranks.indexOf(rule.least as (typeof ranks)[number]) ? 'granted' : 403
}
