/** UUIDv7 ids that rise within a node, also within a millisecond, so that a list by (created_at, id) keeps the order of publishing. */
import { randomFillSync } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { MessageId } from '../core/ids.ts'

const bytesPerId = 16
/** A quarter of the 32 bits of sequence: room to count on from a random start. */
const sequenceStart = 0x3fff_ffff

/** The next id; `nowMs` is when the message was accepted. */
export function createMessageIds(): (nowMs: number) => MessageId {
  // The kernel is asked for random bytes by the pool: a call for each id costs more than the id.
  const pool = Buffer.allocUnsafe(bytesPerId * 512)
  let offset = pool.length
  let msecs = 0
  let seq = 0

  return (nowMs) => {
    if (offset === pool.length) {
      randomFillSync(pool)
      offset = 0
    }
    const random = pool.subarray(offset, offset + bytesPerId)
    offset += bytesPerId
    if (nowMs > msecs) {
      msecs = nowMs
      seq = random.readUInt32LE(0) & sequenceStart
    } else seq++
    return uuidv7({ msecs, seq, random }) as MessageId
  }
}
