/** Which account the server runs as: PostgreSQL refuses to run as root. */
import { readFile, stat } from 'node:fs/promises'
import { AppError } from '../../core/errors.ts'
import { type Account, run } from './run.ts'

/**
 * Chooses the account for the server and its files.
 *
 * | we are      | the cluster exists and is     | account                                        |
 * | not root    | –                             | undefined: our own                             |
 * | root        | owned by some user            | that user, whoever made the cluster            |
 * | root        | absent, or owned by root      | the first of `names` that /etc/passwd contains |
 *
 * Errors: `embedded.failed` when none of `names` exists.
 */
export async function chooseAccount(clusterDir: string, names: readonly string[]): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await stat(clusterDir).catch(() => undefined)
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }

  const accounts = parsePasswd(await readFile('/etc/passwd', 'utf8').catch(() => ''))
  const found = names.map((name) => accounts.get(name)).find((account) => account !== undefined)
  if (found !== undefined) return found
  throw new AppError(
    'embedded.failed',
    `PostgreSQL does not run as root and none of the users ${names.join(', ')} exists: start as another user or set DATABASE_URL`,
  )
}

/** True when the account can enter the directory through all of its ancestors. */
export async function mayEnter(directory: string, account: Account | undefined): Promise<boolean> {
  if (account === undefined) return true
  const probe = await run('/bin/sh', ['-c', 'cd "$1"', 'sh', directory], { account, cwd: '/', timeoutMs: 10_000 })
  return probe.ok
}

function parsePasswd(text: string): Map<string, Account> {
  const rows = text.split('\n').map((line) => line.split(':'))
  return new Map(
    rows.filter((row) => row.length >= 4 && row[2] !== '0').map((row) => [String(row[0]), { uid: Number(row[2]), gid: Number(row[3]) }]),
  )
}
