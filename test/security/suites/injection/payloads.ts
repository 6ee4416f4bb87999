/** Texts that mean something to an interpreter behind the API. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Longer than any answer takes, shorter than the database lets a statement run. */
export const sleepSeconds = 20

const lines = readFileSync(join(import.meta.dirname, 'payloads.txt'), 'utf8')
  .split('\n')
  .slice(1)
const listed = lines.filter((line) => line !== '' && !line.startsWith('== ')).map(decode)
const long = [
  'a'.repeat(201),
  'a'.repeat(10_000),
  `^(a|a)*$${'a'.repeat(40)}`,
  '9'.repeat(400),
  "'".repeat(500),
  '\u0301'.repeat(150),
  '💥'.repeat(60),
]

export const payloads: readonly string[] = [...new Set([...listed, ...long])]

/** When one of these is executed, a connection of the database sleeps. */
export const sleepers: readonly string[] = payloads.filter((payload) => payload.includes('pg_sleep'))

function decode(line: string): string {
  return line
    .replaceAll('{sleep}', String(sleepSeconds))
    .replaceAll(/\\u\{([0-9a-f]+)\}/g, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 16)))
}
