/** A request as the document describes it, with one to three things changed about it. */
import type { Random } from '../../../support/random.ts'
import type { Sent } from '../../client.ts'
import type { Operation, Parameter } from '../../document/operations.ts'
import { sample } from '../../document/sample.ts'
import { boundariesOf } from '../../document/schema.ts'
import { toPath } from '../../stage/places.ts'
import { mutateBytes } from './mutate-bytes.ts'
import { mutateValue } from './mutate-value.ts'
import { oddKeys, oddTexts, toJsonText } from './odd-values.ts'

interface Draft {
  method: string
  path: string
  query: (readonly [string, string])[]
  headers: Record<string, string>
  body: unknown
  bytes: Buffer | undefined
}

type Mutation = (draft: Draft, operation: Operation, random: Random) => void

export interface Base {
  readonly places: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  /** In place of one that the schema alone would give. */
  readonly body?: unknown
}

export function makeRequest(operation: Operation, base: Base, random: Random): Sent {
  const draft = makeDraft(operation, base, random)
  const possible = operation.body ? [...anyMutations, ...bodyMutations] : anyMutations
  const chosen = Array.from({ length: random.between(1, 3) }, () => random.pick(possible))
  for (const mutate of chosen) mutate(draft, operation, random)
  const { method, path, query, headers, bytes } = draft
  const search = query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')
  const body = operation.body ? (bytes ?? Buffer.from(toJsonText(draft.body))) : bytes
  return {
    method,
    path: search ? `${path}?${search}` : path,
    headers: toSendable({ ...(body ? { 'content-type': 'application/json' } : {}), ...headers }),
    ...(body ? { body } : {}),
  }
}

function makeDraft({ method, path, parameters, body }: Operation, base: Base, random: Random): Draft {
  const given = parameters.filter(({ required, in: place }) => place !== 'path' && (required || random.chance(0.4)))
  const toText = ({ schema }: Parameter): string => [sample(schema, { random, optional: 0.5 })].flat().join(',')
  return {
    method,
    path: toPath({ path }, base.places),
    query: given.flatMap((parameter) => (parameter.in === 'query' ? [[parameter.name, toText(parameter)] as const] : [])),
    headers: {
      ...Object.fromEntries(given.flatMap((parameter) => (parameter.in === 'header' ? [[parameter.name, toText(parameter)]] : []))),
      ...base.headers,
    },
    body: body && (base.body ?? sample(body, { random, optional: 0.4 })),
    bytes: undefined,
  }
}

/** Node's client refuses other characters; the edge has its own tests for them. */
const toSendable = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Buffer.from(value, 'utf8')
        .toString('latin1')
        .replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?'),
    ]),
  )

const encode = (text: string): string => encodeURIComponent(text.toWellFormed())

const mutateQuery: Mutation = (draft, { parameters }, random) => {
  const names = parameters.filter(({ in: place }) => place === 'query').map(({ name }) => name)
  const name = names.length > 0 && random.chance(0.8) ? random.pick(names) : random.pick(oddKeys)
  const decorated = random.pick([name, name, name, `${name}[]`, `${name}[a]`, name.toUpperCase(), `${name}\u0000`])
  draft.query.push([decorated, random.pick(oddTexts)])
  if (random.chance(0.2)) draft.query.push([decorated, random.pick(oddTexts)])
  if (random.chance(0.02)) draft.query.push(...Array.from({ length: 200 }, (_, n) => [`p${n}`, '1'] as const))
}

const mutatePath: Mutation = (draft, { path }, random) => {
  const parts = draft.path.split('/')
  const placed = path.split('/').flatMap((part, index) => (part.startsWith('{') ? [index] : []))
  if (placed.length === 0) return mutateQuery(draft, { parameters: [] } as unknown as Operation, random)
  const at = random.pick(placed)
  const raw = random.pick([
    '%00',
    '%ff',
    '%c0%af',
    '%2e%2e%2f',
    '..%5c',
    '%',
    '%zz',
    '.',
    '..',
    ' '.replace(' ', '%20'),
    '%0d%0aX-Injected:%201',
    ';',
    '*',
    '%F0%9F%92%A5',
  ])
  parts[at] = random.chance(0.5) ? raw : encode(random.pick(oddTexts).slice(0, 3000)) || '%20'
  draft.path = parts.join('/')
}

const headerValues: Readonly<Record<string, readonly string[]>> = {
  'idempotency-key': ['', ' ', 'k', 'k'.repeat(255), 'k'.repeat(256), 'ü', '"k"', "k'--", 'k'.repeat(5000)],
  'if-match': ['*', '""', '"0"', '"1"', 'W/"1"', '"1", "2"', '"', 'nonsense', '"99999999999999999999"', '"-1"', '"1e3"', '"'.repeat(300)],
  'x-request-id': ['', 'r', 'r'.repeat(128), 'r'.repeat(129), '../..', '<script>', 'ü', '%0d%0a', '{"a":1}'],
  accept: ['', '*/*', 'text/html', 'application/xml;q=1', ';;;', 'a'.repeat(3000)],
  'accept-language': ['', 'de', '*;q=0', '-'.repeat(500)],
  'accept-encoding': ['gzip', 'br', 'identity;q=0', '*;q=0'],
  'x-http-method-override': ['DELETE', 'PUT'],
  'x-forwarded-for': ['127.0.0.1', "' or 1=1", '::1, 1.1.1.1', ','.repeat(1000)],
  'x-forwarded-proto': ['https', 'gopher'],
  'x-forwarded-host': ['evil.example'],
  forwarded: ['for=127.0.0.1;host=evil.example', ';;;'],
  origin: ['https://evil.example', 'null', ''],
  referer: ['https://evil.example/?a=b', ''],
  'user-agent': ['', 'ü'.repeat(500), 'x'.repeat(4000), "'; drop table users; --", '%s%n%j'],
  range: ['bytes=0-0', 'bytes=-1'],
  'if-none-match': ['*', '"x"'],
  'if-modified-since': ['yesterday'],
  cookie: ['token=x', '='.repeat(1000)],
  te: ['trailers'],
  'content-language': ['xx'],
  pragma: ['x'],
  host: ['evil.example', 'a b', '127.0.0.1:99999', '[::1]'],
}

const mutateHeader: Mutation = (draft, _operation, random) => {
  const name = random.pick(Object.keys(headerValues))
  draft.headers[name] = random.pick(headerValues[name] ?? [''])
}

/** Methods that no path has: the others may do what they say. */
const mutateMethod: Mutation = (draft, _operation, random) => {
  if (random.chance(0.2)) draft.method = random.pick(['OPTIONS', 'TRACE', 'PROPFIND', 'LOCK'])
}

const mutateBody: Mutation = (draft, { body = {} }, random) => {
  draft.body = mutateValue(draft.body, random, boundariesOf(body))
}

const mutateBodyBytes: Mutation = (draft, _operation, random) => {
  draft.bytes = mutateBytes(Buffer.from(toJsonText(draft.body)), random)
}

const mutateContentType: Mutation = (draft, _operation, random) => {
  draft.headers['content-type'] = random.pick([
    ...[
      'text/plain',
      'application/xml',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded',
      '',
      'json',
      'application/json2',
    ],
    ...[
      'application/json; charset=utf-16',
      'application/json; charset=latin1',
      'application/json; charset=',
      'application/json;;;',
      'APPLICATION/JSON',
    ],
  ])
  if (random.chance(0.3))
    draft.headers['content-encoding'] = random.pick(['gzip', 'br', 'deflate', 'zstd', 'identity', 'gzip, gzip', 'nonsense'])
  if (random.chance(0.2)) draft.headers['transfer-encoding'] = 'chunked'
}

/** A body for an operation that reads none. */
const addBody: Mutation = (draft, operation, random) => {
  if (!operation.body && random.chance(0.3)) draft.bytes = mutateBytes(Buffer.from('{"a":1}'), random)
}

const anyMutations: readonly Mutation[] = [mutateQuery, mutatePath, mutatePath, mutateHeader, mutateMethod, addBody]
// Most of what can be wrong is in the body.
const bodyMutations: readonly Mutation[] = [
  ...Array.from({ length: 12 }, () => mutateBody),
  mutateBodyBytes,
  mutateBodyBytes,
  mutateContentType,
]
