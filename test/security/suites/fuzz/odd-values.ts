/** Values that programs trip over. */
import type { Random } from '../../../support/random.ts'

/** A text that stands for this JSON as it is written, quotes and all. */
export const asWritten = (json: string): string => `⟦${json}⟧`

/** The JSON text of a value; what `asWritten` marks is put in as it is. */
export const toJsonText = (value: unknown): string =>
  (JSON.stringify(value) ?? 'undefined').replaceAll(/"⟦((?:[^"\\]|\\.)*)⟧"/g, (_, quoted: string) => JSON.parse(`"${quoted}"`) as string)

export const oddNumbers: readonly unknown[] = [
  ...[0, -0, -1, 1, 0.1, -0.5, 51, 201, 1001, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2, -(2 ** 63), 1e21, 1e308, 5e-324],
  ...['NaN', 'Infinity', '-Infinity', '1e400', '-1e400', '00', '0x10', '1.', '.5', '+1', '1_000', '9'.repeat(400), '-', '1e-999'].map(
    asWritten,
  ),
]

export const oddTexts: readonly string[] = [
  ...['', ' ', '\t\n', 'null', 'undefined', 'NaN', 'true', '0', '-1', '1e999', '[]', '{}', '[object Object]', '../..', '%00', '%', '%zz'],
  ...[
    '\u0000',
    'a\u0000b',
    '\ud800',
    'x\udfff',
    '\udc00\ud800',
    '\ufeff',
    '\u202egnp.exe',
    '\u2028',
    '\u2029',
    '\u0085',
    '\u200b',
    '\u00ad',
  ],
  ...[
    '💥',
    '👩‍👩‍👧‍👦',
    'e\u0301'.repeat(60),
    '\u0301'.repeat(100),
    'ﷺ',
    'İ',
    'ß',
    'ſ',
    'K',
    'مرحبا',
    '𝒳',
    '\u{10ffff}',
    '\ufffe',
    '\u001b[31m',
    '\u007f',
    '\b',
  ],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '$ref', '00000000-0000-0000-0000-000000000000'],
  ...[
    '1970-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
    '2024-02-30T00:00:00Z',
    '+275760-09-13T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '2026-01-01T00:00:00+99:99',
  ],
  ...[
    'x'.repeat(201),
    'x'.repeat(256),
    'x'.repeat(1025),
    'x'.repeat(2001),
    'x'.repeat(8193),
    'ü'.repeat(200),
    '💥'.repeat(200),
    'x'.repeat(70_000),
  ],
]

/** Keys that mean something to JavaScript, to a database or to a template. */
export const oddKeys: readonly string[] = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'toJSON', 'then', 'length', '', ' ', 'a.b', 'a[0]', '$where', '$gt'],
  ...[
    '\u0000',
    '\ud800',
    'tenant_id',
    'id',
    'role',
    'is_admin',
    'status',
    'k'.repeat(5000),
    '💥',
    '__defineGetter__',
    'password_hash',
    'version',
  ],
]

/** Looks as if it had a length, or a size, and cannot be compared with a number. */
const incomparable: readonly unknown[] = [
  { length: { toString: null } },
  { size: { valueOf: null, toString: null } },
  { length: { valueOf: null, toString: null } },
]

export function oddValue(random: Random): unknown {
  switch (random.between(0, 5)) {
    case 0:
      return random.pick(oddNumbers)
    case 1:
      return random.pick([null, true, false, asWritten('undefined'), asWritten('"a" "b"'), asWritten('//'), asWritten('')])
    case 2:
      return random.pick<unknown>([
        [],
        [[]],
        {},
        [null],
        [{}],
        { 0: 'a' },
        { length: 1 },
        [1, 'a', null],
        { toString: null },
        { toJSON: 1 },
        ...incomparable,
      ])
    case 3:
      return deep(random.between(1, 200), random.chance(0.5))
    default:
      return random.pick(oddTexts)
  }
}

/** Nested so many levels. */
function deep(levels: number, inArrays: boolean): unknown {
  let value: unknown = 'bottom'
  for (let level = 0; level < levels; level++) value = inArrays ? [value] : { a: value }
  return value
}
