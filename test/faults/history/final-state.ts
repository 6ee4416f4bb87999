/** What is left when everything has settled: the rows, and the effects that the handlers wrote down. */
import { existsSync, readFileSync } from 'node:fs'
import type { Installation } from '../../support/installation.ts'
import { hashData } from './history.ts'

export interface StoredRow {
  readonly tenant: string
  readonly id: string
  readonly type: string
  readonly hash: string
  readonly status: string
  readonly error: string | null
  readonly attempts: number
  /** When the transaction that wrote the row committed, by the clock of this machine; null when the server does not say. */
  readonly committedAtMs: number | null
}

/** One run of a handler that has effects. */
export interface EffectRun {
  readonly tenant: string
  readonly id: string
  readonly attempt: number
  readonly atMs: number
}

export interface FailureRow {
  readonly tenant: string
  readonly id: string
  readonly status: string
  /** Why it was given up. */
  readonly reason: string | null
}

export interface FinalState {
  readonly rows: readonly StoredRow[]
  readonly failures: readonly FailureRow[]
  readonly effects: readonly EffectRun[]
}

/** `effectsFile` holds a JSON line for each run. */
export async function readFinalState(installation: Pick<Installation, 'query'>, effectsFile: string): Promise<FinalState> {
  const rows = await installation.query<Omit<StoredRow, 'hash'> & { readonly data: unknown; readonly [name: string]: unknown }>(
    `select tenant_id as tenant, id, type, status, error, attempts, data,
            extract(epoch from pg_xact_commit_timestamp(xmin))::float8 * 1000 as "committedAtMs"
     from messages`,
  )
  return {
    rows: rows.map(({ data, ...row }) => ({ ...row, hash: hashData(data) })),
    failures: await installation.query<FailureRow & Record<string, unknown>>(
      'select tenant_id as tenant, id, status, reason from failed_messages',
    ),
    effects: readEffects(effectsFile),
  }
}

function readEffects(file: string): readonly EffectRun[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
