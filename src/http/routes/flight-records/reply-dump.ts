/** A dump as a file that `npm run replay` takes. */
import type { FlightDump } from '../../../core/ports/inspection.ts'
import type { Reply } from '../../answer/send.ts'
import { conceal, type Eyes } from '../actors/conceal.ts'

export const replyDump = (dump: FlightDump, eyes: Eyes): Reply => ({
  status: 200,
  headers: { 'content-disposition': `attachment; filename="${toFileName(dump)}"` },
  body: conceal(dump, eyes),
})

/** Letters, digits, dots and hyphens: safe on every system and in a header. */
function toFileName({ actorId, recordedAt }: FlightDump): string {
  const name = `flight-${actorId}-${recordedAt}`.replaceAll(/[^A-Za-z0-9.-]+/g, '-').replaceAll(/\.{2,}/g, '.')
  return `${name.slice(0, 150)}.json`
}
