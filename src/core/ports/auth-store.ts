/** The auth store port: platform admins, and the keys that sign tokens. */

export interface Admin {
  readonly id: string
  readonly username: string
  readonly passwordHash: string
}

export interface SigningKey {
  readonly kid: string
  readonly secret: Buffer
}

/** Errors: AppError `database.unavailable`. */
export interface AuthStore {
  findAdmin(username: string): Promise<Admin | undefined>
  /** Adds the first admin. Returns false, and changes nothing, when there is any admin; of several nodes at once, one wins. */
  createAdminIfNone(admin: { readonly username: string; readonly passwordHash: string }): Promise<boolean>
  /** Returns false when there is no such admin. */
  setAdminPassword(username: string, passwordHash: string): Promise<boolean>
  /** The keys, newest first: sign with the first, verify with any. Makes the first one when there is none; all nodes get the same. */
  signingKeys(): Promise<readonly SigningKey[]>
}
