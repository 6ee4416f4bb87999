/** Which actor a call is about, and whether the caller may know of it. */
import type { Principal } from '../../../auth/index.ts'
import { readTenantId, type TenantId } from '../../../core/ids.ts'
import type { ActorEntry } from '../../../core/ports/inspection.ts'
import { actorMissing, Refusal } from '../../request/refusal.ts'

const idForm = /^[\x21-\x7e]{1,300}$/
const tenantForm = /^tenant:([^.]+)(\..+)?$/

/**
 * The id as the actors have it.
 *
 * A tenant's user or key knows of their tenant's actor and of what is below it: for them anything else is missing without a
 * look at it, so that neither the answer nor how long it takes says what there is.
 *
 * Errors: Refusal `actor.missing`.
 */
export function parseActorId(principal: Principal, text: string | undefined): string {
  if (text === undefined || !idForm.test(text)) throw actorMissing()
  const [, owner = '', below = ''] = tenantForm.exec(text) ?? []
  const tenantId = readTenantId(owner)
  if (principal.kind !== 'admin' && principal.tenantId !== tenantId) throw actorMissing()
  return tenantId === undefined ? text : `tenant:${tenantId}${below}`
}

/** Why an actor that was asked for is not shown: there is none, or it may be on one of the nodes that have not answered. */
export const notFound = (missingNodes: readonly string[]): Error =>
  missingNodes.length > 0 ? new Refusal('node.silent', 'A node did not answer in time; it may have the actor.') : actorMissing()

/** The tenant that an actor belongs to, by its id. */
export const tenantIdOf = (actorId: string): TenantId | null => readTenantId(tenantForm.exec(actorId)?.[1] ?? '') ?? null

/** Whether the caller may know of an actor that was found. */
export const isVisible = (principal: Principal, { tenantId }: { readonly tenantId: TenantId | null }): boolean =>
  principal.kind === 'admin' || principal.tenantId === tenantId

/** What the caller is told the actor's parent is: what they see begins at their tenant. */
export const visibleParent = (principal: Principal, { kind, parent }: Pick<ActorEntry, 'kind' | 'parent'>): string | null =>
  principal.kind !== 'admin' && kind === 'tenant' ? null : parent
