/** The auth store port: platform admins. */

export interface Admin {
  readonly id: string
  readonly username: string
  readonly passwordHash: string
  /** Of the password that was last set from the configuration; null when none was. */
  readonly appliedHash: string | null
}

/** Errors: AppError `database.unavailable`. */
export interface AuthStore {
  findAdmin(username: string): Promise<Admin | undefined>
  /** Adds the first admin. Returns false, and changes nothing, when there is any admin; of several nodes at once, one wins. */
  createAdminIfNone(admin: {
    readonly username: string
    readonly passwordHash: string
    readonly appliedHash: string | null
  }): Promise<boolean>
  /** Sets what the configuration says, and remembers it. Returns false when there is no such admin. */
  applyAdminPassword(username: string, appliedHash: string): Promise<boolean>
  /** Remembers that the configuration says what the admin's password is already. */
  noteAppliedPassword(username: string, appliedHash: string): Promise<void>
  /** Returns false, and changes nothing, unless `verifiedHash` is still that of the admin's password. */
  replaceAdminPassword(username: string, verifiedHash: string, passwordHash: string): Promise<boolean>
}
