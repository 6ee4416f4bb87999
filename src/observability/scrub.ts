/** Turns anything into plain data that may be logged: bounded, without secrets. */
import { isSecretEntry } from '../core/redact.ts'

const hidden = '[hidden]'
const maxDepth = 6
const maxItems = 100
const maxTextLength = 8000

/**
 * A copy with secrets hidden: values under telling names, the credentials in URLs, bearer tokens in texts.
 *
 * Shape:  plain objects, arrays and errors are followed 6 levels deep; anything else becomes a text.
 * Errors: none; total, also for cycles and getters that throw.
 */
export function scrub(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return scrubText(value)
    case 'number':
    case 'boolean':
    case 'undefined':
      return value
    case 'object':
      return value === null ? null : scrubObject(value, depth)
    default:
      return typeof value === 'bigint' ? `${value}` : `(${typeof value})`
  }
}

/** A text without the credentials of URLs and without bearer tokens. */
export function scrubText(text: string): string {
  const bounded = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text
  return (
    bounded
      // Up to the last @ of the word, for passwords that are not percent-encoded; a port is not a password.
      .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s:/@"']*:(?!\d+(?:[/?#]|$))[^\s"']*@/gi, `$1${hidden}@`)
      .replaceAll(/([?&][\w-]*(?:password|secret|token|api_?key)=)[^\s&#"']+/gi, `$1${hidden}`)
      .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${hidden}`)
      .replaceAll(/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+/g, hidden)
  )
}

function scrubObject(value: object, depth: number): unknown {
  try {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
    if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`
    if (depth >= maxDepth) return '…'
    if (value instanceof Error) return scrubError(value, depth)
    if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => scrub(item, depth + 1))
    if (value instanceof Map || value instanceof Set) return scrub([...value].slice(0, maxItems), depth)
    return scrubEntries(value, depth)
  } catch {
    return '(unreadable)'
  }
}

function scrubError(error: Error, depth: number): unknown {
  const { name, message, stack, cause, ...rest } = error
  const own = scrubEntries(rest, depth) as object
  const members = error instanceof AggregateError ? { errors: scrub(error.errors.slice(0, 5), depth + 1) } : {}
  const origin = error.cause === undefined ? {} : { cause: scrub(error.cause, depth + 1) }
  return { type: error.name, message: scrubText(error.message), ...own, stack: scrubText(error.stack ?? ''), ...members, ...origin }
}

function scrubEntries(value: object, depth: number): unknown {
  const entries = Object.entries(value).slice(0, maxItems)
  return Object.fromEntries(entries.map(([name, item]) => [name, isSecretEntry(name, item) ? hidden : scrub(item, depth + 1)]))
}
