/** Every place of an operation that holds a text. */
import { createRandom } from '../../../support/random.ts'
import type { Sent } from '../../client.ts'
import type { Operation } from '../../document/operations.ts'
import { sample } from '../../document/sample.ts'
import { stringPlaces } from '../../document/string-places.ts'
import type { PlannedCall } from '../../stage/calls.ts'
import { toPath } from '../../stage/places.ts'

export interface InjectionPlace {
  /** `query type`, `body messages[0].key` */
  readonly name: string
  build(call: PlannedCall, text: string): Sent
}

/** Sent with every request, so that they are looked at for every operation. */
const commonHeaders = ['x-request-id', 'user-agent', 'authorization', 'x-api-key', 'x-forwarded-for']

/** Shape: whatever the operation documents, and the headers that every operation reads. */
export function injectionPlaces(operation: Operation): readonly InjectionPlace[] {
  const { method, parameters, body } = operation
  const toSent = ({ places, headers, body: given }: PlannedCall, { path = places, query = '', head = {}, json = given }: Parts): Sent => {
    const bytes = json === undefined ? undefined : Buffer.from(JSON.stringify(json))
    return {
      method,
      path: toPath(operation, path) + query,
      headers: { ...headers, ...(bytes ? { 'content-type': 'application/json' } : {}), ...head },
      ...(bytes ? { body: bytes } : {}),
    }
  }
  const random = createRandom(1)
  const least = (): unknown => body && sample(body, { random, optional: 0 })
  const named = [...parameters, ...commonHeaders.map((name) => ({ name, in: 'header' as const }))]
  return [
    ...named.map(({ name, in: place }) => ({
      name: `${place} ${name}`,
      build: (call: PlannedCall, text: string): Sent => toSent({ body: least(), ...call }, toParts(place, name, call, text)),
    })),
    ...(body ? stringPlaces(body, random) : []).map(({ path, build }) => ({
      name: `body ${path}`,
      build: (call: PlannedCall, text: string): Sent => toSent(call, { json: build(text) }),
    })),
  ]
}

interface Parts {
  readonly path?: Readonly<Record<string, string>>
  readonly query?: string
  readonly head?: Readonly<Record<string, string>>
  readonly json?: unknown
}

function toParts(place: 'path' | 'query' | 'header', name: string, { places }: PlannedCall, text: string): Parts {
  if (place === 'path') return { path: { ...places, [name]: text.toWellFormed() || ' ' } }
  if (place === 'query') return { query: `?${name}=${encodeURIComponent(text.toWellFormed())}` }
  // Node's client writes no other characters.
  return {
    head: {
      [name]: Buffer.from(text.slice(0, 8000), 'utf8')
        .toString('latin1')
        .replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?'),
    },
  }
}
