/** Changes a body as bytes: what is no JSON, no UTF-8, or no body any more. */
import { gzipSync } from 'node:zlib'
import type { Random } from '../../../support/random.ts'

const invalidUtf8 = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3], [0xe2, 0x82]] as const

export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const at = random.between(0, Math.max(0, bytes.length - 1))
  const insert = (what: Uint8Array | string): Buffer =>
    Buffer.concat([bytes.subarray(0, at), Buffer.from(what as Uint8Array), bytes.subarray(at)])
  switch (random.between(0, 11)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return Buffer.from(bytes.map((byte, index) => (index === at ? byte ^ (1 << random.between(0, 7)) : byte)))
    case 2:
      return insert(Uint8Array.from(random.pick(invalidUtf8)))
    case 3:
      return insert(Buffer.from(random.pick(['\u0000', '\u0001', '\\u0000', '\\ud800', ',', ']', '}', '"', '\\', '/*', '\n', '\u2028'])))
    case 4:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes])
    case 5:
      return Buffer.from(bytes.toString('utf8'), 'utf16le')
    case 6:
      return Buffer.concat([bytes, random.chance(0.5) ? bytes : Buffer.from('garbage')])
    case 7:
      return Buffer.from(random.pick(['[', '{"a":', '"', '[[],']).repeat(random.pick([1, 100, 10_000, 100_000])))
    case 8:
      return gzipSync(bytes)
    case 9:
      return Buffer.from(bytes.toString('utf8').replaceAll('"', "'"))
    case 10:
      return Buffer.from(
        random.pick(['', ' ', 'null', 'true', '0', '""', '[]', '{}', 'undefined', '<xml/>', 'a=b&c=d', '--x\r\n\r\n--x--']),
      )
    default:
      return random.chance(0.1) ? Buffer.alloc(1_048_577, 'x') : Buffer.from(`{"x":${bytes.toString('utf8')}}`)
  }
}
