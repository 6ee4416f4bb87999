/** A value that somebody gave for a key, and where, before it is checked. */
import { AppError } from '../core/errors.ts'

export interface Candidate {
  readonly value: unknown
  /** Where it stands, for an error message: `config.yml:12` or `PORT in the environment`. */
  readonly source: string
}

/** By key: `ledger.batch_size`. */
export type Candidates = ReadonlyMap<string, Candidate>

/** The error that stops a start. `message` is one line. */
export const configError = (message: string, cause?: unknown): AppError =>
  new AppError('config.invalid', message.replaceAll(/\s+/g, ' ').trim(), cause === undefined ? {} : { cause })
