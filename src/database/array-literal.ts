/** Writes PostgreSQL array literals: one parameter carries a column of a whole batch. */

const belowSpace = /[^ -\uffff]/
const specials = /["\\]/g

/**
 * An array of texts and nulls.
 *
 * JSON writes a list of texts as PostgreSQL reads one, except for control characters and lone surrogates, and does it
 * faster than any loop over the characters. Source: measured against pg's own way and four others.
 */
export function toTextArray(items: readonly (string | null)[]): string {
  return items.every(isWrittenAlike) ? `{${JSON.stringify(items).slice(1, -1)}}` : `{${items.map(quote).join(',')}}`
}

/** An array of values whose text has no comma, brace, quote, backslash or space in it: numbers, UUIDs. */
export const toPlainArray = (items: readonly (string | number)[]): string => `{${items.join(',')}}`

const isWrittenAlike = (item: string | null): boolean => item === null || (!belowSpace.test(item) && item.isWellFormed())

const quote = (item: string | null): string => (item === null ? 'NULL' : `"${item.replace(specials, '\\$&')}"`)
