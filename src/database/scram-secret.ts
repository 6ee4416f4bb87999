/** A password as PostgreSQL stores it. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

const iterations = 4_096
const keyBytes = 32

/**
 * The SCRAM-SHA-256 secret of a password of ASCII characters: PostgreSQL takes it in the password's place, and cannot tell the
 * password from it.
 *
 * Source: RFC 5803; PostgreSQL, pg_authid.rolpassword.
 */
export function toScramSecret(password: string, salt: Buffer = randomBytes(16)): string {
  const salted = pbkdf2Sync(password, salt, iterations, keyBytes, 'sha256')
  const keyOf = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${keyOf('Server Key').toString('base64')}`
}
