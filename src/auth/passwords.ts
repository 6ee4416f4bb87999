/** Hashes and checks passwords with argon2id. */
import { hash, verify } from '@node-rs/argon2'

/** OWASP's second choice: 19 MiB, 2 passes, 1 lane. The library's default algorithm is argon2id. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

export const hashPassword = (password: string): Promise<string> => hash(password, cost)

let decoy: Promise<string> | undefined

/**
 * True when `password` is the one that was hashed. Without a hash it is false, and takes as long as if there were one.
 *
 * Errors: none; a hash that cannot be read is one that does not match.
 */
export async function checkPassword(passwordHash: string | undefined, password: string): Promise<boolean> {
  decoy ??= hashPassword('nobody has this password')
  const matches = await verify(passwordHash ?? (await decoy), password).catch(() => false)
  return matches && passwordHash !== undefined
}
