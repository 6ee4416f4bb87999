/** Refuses JSON values that PostgreSQL's jsonb cannot hold or that nobody should send. */

export const maxJsonDepth = 64

export interface JsonFault {
  /** Where, in the form `data.items[3].name`. */
  readonly path: string
  readonly message: string
}

/**
 * Finds the first thing in a parsed JSON value that cannot be stored: a NUL or a lone surrogate in a text or a key, a
 * number that JSON had to round to infinity, or nesting deeper than `maxJsonDepth`. undefined when there is none.
 *
 * Errors: none; total.
 */
export function inspectJson(value: unknown, path: string, depth = 1): JsonFault | undefined {
  switch (typeof value) {
    case 'string':
      return inspectText(value, path)
    case 'number':
      return Number.isFinite(value) ? undefined : { path, message: 'the number is out of range' }
    case 'object':
      if (value === null) return undefined
      if (depth > maxJsonDepth) return { path: path.slice(0, 200), message: `nested deeper than ${maxJsonDepth} levels` }
      return Array.isArray(value) ? inspectArray(value, path, depth) : inspectObject(value, path, depth)
    default:
      return undefined
  }
}

/** The same check for one text. */
export function inspectText(text: string, path: string): JsonFault | undefined {
  if (text.includes('\u0000')) return { path, message: 'contains a NUL character (\\u0000), which cannot be stored' }
  if (!text.isWellFormed()) return { path, message: 'contains a lone surrogate, which is not valid Unicode' }
  return undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What the bytes hold when they are JSON that a client could have published; undefined for anything that could not be written as JSON again as it was. */
export function readJsonBody(body: Uint8Array): { readonly data: unknown } | undefined {
  try {
    const data: unknown = JSON.parse(utf8.decode(body))
    return inspectJson(data, 'data') ? undefined : { data }
  } catch {
    return undefined
  }
}

function inspectArray(items: readonly unknown[], path: string, depth: number): JsonFault | undefined {
  for (let index = 0; index < items.length; index++) {
    const fault = inspectJson(items[index], `${path}[${index}]`, depth + 1)
    if (fault) return fault
  }
  return undefined
}

function inspectObject(object: object, path: string, depth: number): JsonFault | undefined {
  for (const [key, item] of Object.entries(object)) {
    const fault = inspectText(key, `${path} (a key)`) ?? inspectJson(item, `${path}.${key}`, depth + 1)
    if (fault) return fault
  }
  return undefined
}
