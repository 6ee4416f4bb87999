/** Hashes and checks passwords with argon2id. */
import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'

/** What hashes and checks; tests count with another one. */
export interface Passwords {
  hash(password: string): Promise<string>
  /** False without a hash, after the same work as with one. */
  check(passwordHash: string | undefined, password: string): Promise<boolean>
}

/** OWASP's second choice: 19 MiB, 2 passes, 1 lane. The library's default algorithm is argon2id. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** What looks the same is the same password: keyboards and systems compose letters differently. */
const normalized = (password: string): string => password.normalize('NFC')

export const hashPassword = (password: string): Promise<string> => hash(normalized(password), cost)

let decoy: Promise<string> | undefined

/**
 * True when `password` is the one that was hashed. Without a hash it is false, and takes as long as if there were one.
 *
 * Errors: none; a hash that cannot be read is one that does not match.
 */
export async function checkPassword(passwordHash: string | undefined, password: string): Promise<boolean> {
  decoy ??= hashPassword('nobody has this password')
  // Awaited with a hash too: the first check of all must not tell by its time which of them it is.
  const inItsPlace = await decoy
  const matches = await verify(passwordHash ?? inItsPlace, normalized(password)).catch(() => false)
  return matches && passwordHash !== undefined
}

export const argon2Passwords: Passwords = { hash: hashPassword, check: checkPassword }

/** 144 random bits as text. */
export const generatePassword = (): string => randomBytes(18).toString('base64url')
