/** Which kind of failure a failure is. */
import { createHash } from 'node:crypto'
import { type Failure, toErrorKind } from '../core/failure.ts'

/** 16 hex digits, the same for failures of one message type with the same error class and the same text without its ids and numbers. */
export const toFingerprint = (type: string | null, { errorClass, error }: Failure): string =>
  createHash('sha256')
    .update(JSON.stringify([type, errorClass, toErrorKind(error)]))
    .digest('hex')
    .slice(0, 16)
