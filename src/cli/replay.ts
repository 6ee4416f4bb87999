/**
 * `npm run replay -- <file>`: plays a flight record again through the pure machine; `-` reads it from the standard input.
 * Ends with 0 when it comes to the same state as recorded, with 1 when it does not, with 2 when there is nothing to replay.
 */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { errorText } from '../core/errors.ts'
import { type ReplayReport, readFlightRecord, replay } from '../engine/index.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

function refuse(reason: string): number {
  process.stderr.write(`replay: ${reason}\n`)
  return 2
}

function show({ steps, differences, notes }: ReplayReport): void {
  const head = { at: 'at', event: 'event', recorded: 'recorded', replayed: 'replayed' }
  const rows = [head, ...steps]
  const width = (name: keyof typeof head): number => Math.max(...rows.map((row) => row[name].length))
  const [at, event, recorded] = [width('at'), width('event'), width('recorded')]
  for (const row of rows) say(`${row.at.padEnd(at)}  ${row.event.padEnd(event)}  ${row.recorded.padEnd(recorded)}  ${row.replayed}`)
  for (const note of notes) say(`note: ${note}`)
  for (const difference of differences) say(`difference: ${difference}`)
}

async function main([file, ...others]: readonly string[]): Promise<number> {
  if (file === undefined || others.length > 0 || (file.startsWith('-') && file !== '-')) {
    return refuse('usage: npm run replay -- <file>, or - for the standard input')
  }
  const content = await (file === '-' ? text(process.stdin) : readFile(file, 'utf8')).catch((error: unknown) => ({ error }))
  if (typeof content !== 'string') return refuse(`${file} cannot be read: ${errorText(content.error)}`)
  const dump = readFlightRecord(content)
  if ('fault' in dump) return refuse(dump.fault)
  say(`${dump.actorId} on ${dump.node}, recorded ${dump.recordedAt}${dump.reason === null ? '' : `: ${dump.reason}`}`)
  const report = replay(dump)
  show(report)
  const isSame = report.differences.length === 0
  say(isSame ? 'The replay ends in the same state.' : 'The replay does not end in the same state.')
  return isSame ? 0 : 1
}

// Whoever reads the first lines only, as `head` does, has seen enough.
process.stdout.on('error', () => process.exit(0))
process.exitCode = await main(process.argv.slice(2))
