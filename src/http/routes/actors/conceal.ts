/** Takes out of what an actor holds, or has been through, what is not for the caller's eyes. */
import { may, type Principal } from '../../../auth/index.ts'
import type { TenantId } from '../../../core/ids.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'

/** Whether the caller may see a tenant's configuration, and the texts of errors, which may quote message data. */
export interface Eyes {
  readonly config: boolean
  readonly texts: boolean
}

/** The platform's own actors are shown to admins alone, who may see all that they hold. */
export async function eyesOf(guard: PayloadGuard, principal: Principal, tenantId: TenantId | null): Promise<Eyes> {
  if (tenantId === null) return { config: true, texts: true }
  return { config: may(principal, 'tenant.read_config', tenantId) === 'granted', texts: await guard.mayRead(principal, tenantId) }
}

const hidden = '[hidden]'
/** Under these names an actor keeps, and is told, why something has failed. */
const textNames: ReadonlySet<string> = new Set(['reason', 'crashed', 'quarantine', 'error', 'message', 'stack', 'cause', 'detail'])

/**
 * A copy without what is hidden: configurations are left out, texts of errors become `[hidden]`. The same thing is hidden alike
 * wherever it stands, so that a dump that was made poorer still replays to its own end.
 *
 * Errors: none; total for JSON values.
 */
export function conceal<T>(value: T, eyes: Eyes): T {
  return eyes.config && eyes.texts ? value : (walk(value, eyes) as T)
}

function walk(value: unknown, eyes: Eyes): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => walk(item, eyes))
  return Object.fromEntries(
    Object.entries(value)
      // A recorder that has left it out has put a text there, which a replay looks for.
      .filter(([name, item]) => eyes.config || name !== 'config' || typeof item === 'string')
      .map(([name, item]) => [name, !eyes.texts && typeof item === 'string' && textNames.has(name) ? hidden : walk(item, eyes)]),
  )
}
