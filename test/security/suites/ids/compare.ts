/** Whether two answers tell an attacker two different things. */
import type { Answer } from '../../client.ts'

/** Differ from one answer to the next, whatever was asked. */
const restlessHeaders = new Set(['date', 'x-request-id', 'ratelimit', 'connection', 'keep-alive'])

/** The first difference, ids left out; undefined when there is none. */
export function differenceOf(one: Answer, other: Answer): string | undefined {
  if (one.status !== other.status) return `status ${one.status} against ${other.status}`
  const names = [...new Set([...Object.keys(one.headers), ...Object.keys(other.headers)])].filter((name) => !restlessHeaders.has(name))
  const header = names.find((name) => String(one.headers[name]) !== String(other.headers[name]))
  if (header !== undefined) return `header ${header}: ${one.headers[header]} against ${other.headers[header]}`
  return withoutIds(one.text) === withoutIds(other.text) ? undefined : `body ${withoutIds(one.text)} against ${withoutIds(other.text)}`
}

const withoutIds = (text: string): string =>
  text.replace(/"request_id":"[^"]*"/, '"request_id":""').replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '(id)')
