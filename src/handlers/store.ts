/** The built-in handler of every type nobody has defined: the message is stored, which the ledger does anyway. */
import { ack } from '../core/outcome.ts'
import type { Handler } from '../core/ports/handlers.ts'

export const store: Handler = { type: 'store', idempotent: true, run: () => ack }
