/** The id by which a request is found in the logs. */
import { randomBytes } from 'node:crypto'

const sane = /^[A-Za-z0-9._:-]{1,128}$/
const processPrefix = randomBytes(6).toString('hex')
let sequence = 0

/** The client's own id when it is sane, else one that is unique over all nodes. */
export function toRequestId(header: string | readonly string[] | undefined): string {
  if (typeof header === 'string' && sane.test(header)) return header
  sequence += 1
  return `${processPrefix}-${sequence.toString(36)}`
}
