/** Makes sure that the installation has a platform admin. */
import { randomBytes } from 'node:crypto'
import type { AuthStore } from '../core/ports/auth-store.ts'
import { checkPassword, hashPassword } from './passwords.ts'

export interface BootstrapOptions {
  readonly store: Pick<AuthStore, 'findAdmin' | 'createAdminIfNone' | 'setAdminPassword'>
  readonly username: string
  /** From the environment; undefined when nobody chose one. */
  readonly password: string | undefined
  readonly generate?: () => string
}

/**
 * `generated` carries the only copy of the password: the caller shows it once and keeps it where the operator can read it.
 * `other_admin` changed nothing: the installation's admin has another name than the one given.
 */
export type Bootstrapped =
  | { readonly kind: 'generated'; readonly username: string; readonly password: string }
  | { readonly kind: 'created' | 'updated' | 'unchanged' | 'other_admin'; readonly username: string }

/** 144 random bits as text. */
const generatePassword = (): string => randomBytes(18).toString('base64url')

/**
 * | password given | there is an admin              | what happens                   |
 * | yes            | no                             | created                        |
 * | yes            | of this name and password      | unchanged                      |
 * | yes            | of this name, another password | updated: the password is set   |
 * | yes            | of another name only           | other_admin: nothing           |
 * | no             | no                             | generated                      |
 * | no             | yes                            | unchanged                      |
 *
 * Nodes that start together agree: only one of them creates.
 *
 * Errors: `database.unavailable`.
 */
export async function bootstrapAdmin({ store, username, password, generate = generatePassword }: BootstrapOptions): Promise<Bootstrapped> {
  if (password === undefined) {
    const generated = generate()
    const created = await store.createAdminIfNone({ username, passwordHash: await hashPassword(generated) })
    return created ? { kind: 'generated', username, password: generated } : { kind: 'unchanged', username }
  }
  const admin = await store.findAdmin(username)
  if (admin && (await checkPassword(admin.passwordHash, password))) return { kind: 'unchanged', username }
  const passwordHash = await hashPassword(password)
  if (await store.createAdminIfNone({ username, passwordHash })) return { kind: 'created', username }
  return { kind: (await store.setAdminPassword(username, passwordHash)) ? 'updated' : 'other_admin', username }
}
