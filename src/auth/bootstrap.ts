/** Makes sure that the installation has a platform admin. */
import type { Admin, AuthStore } from '../core/ports/auth-store.ts'
import type { SessionStore } from '../core/ports/identity-store.ts'
import { checkPassword, generatePassword, hashPassword } from './passwords.ts'

export interface BootstrapOptions {
  readonly store: Pick<AuthStore, 'findAdmin' | 'createAdminIfNone' | 'applyAdminPassword' | 'noteAppliedPassword'>
  readonly sessions: Pick<SessionStore, 'revokeAll'>
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

/**
 * | password given                  | there is an admin              | what happens                   |
 * | yes                             | no                             | created                        |
 * | the one that was last applied   | of this name                   | unchanged, even if the admin has chosen another one since |
 * | another than was last applied   | of this name and password      | unchanged; it counts as applied |
 * | another than was last applied   | of this name, another password | updated: the password is set, and the admin's sessions end |
 * | yes                             | of another name only           | other_admin: nothing           |
 * | no                              | no                             | generated                      |
 * | no                              | yes                            | unchanged                      |
 *
 * Nodes that start together agree: only one of them creates.
 *
 * Errors: `database.unavailable`.
 */
export async function bootstrapAdmin(options: BootstrapOptions): Promise<Bootstrapped> {
  const { store, sessions, username, password, generate = generatePassword } = options
  if (password === undefined) {
    const generated = generate()
    const created = await store.createAdminIfNone({ username, passwordHash: await hashPassword(generated), appliedHash: null })
    return created ? { kind: 'generated', username, password: generated } : { kind: 'unchanged', username }
  }
  const known = await store.findAdmin(username)
  if (known && (await isApplied(store, known, password))) return { kind: 'unchanged', username }
  const passwordHash = await hashPassword(password)
  if (await store.createAdminIfNone({ username, passwordHash, appliedHash: passwordHash })) return { kind: 'created', username }
  // Another node may have created it since it was looked for.
  const admin = known ?? (await store.findAdmin(username))
  if (admin && !known && (await isApplied(store, admin, password))) return { kind: 'unchanged', username }
  if (!admin || !(await store.applyAdminPassword(username, passwordHash))) return { kind: 'other_admin', username }
  await sessions.revokeAll({ kind: 'admin', adminId: admin.id })
  return { kind: 'updated', username }
}

/** Whether the password is the one that was last applied, or the admin's already, which counts as applied. */
async function isApplied(store: BootstrapOptions['store'], admin: Admin, password: string): Promise<boolean> {
  if (await checkPassword(admin.appliedHash ?? undefined, password)) return true
  if (!(await checkPassword(admin.passwordHash, password))) return false
  await store.noteAppliedPassword(admin.username, admin.passwordHash)
  return true
}
