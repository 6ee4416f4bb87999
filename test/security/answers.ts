/** What holds of every answer, whatever was asked. */
import { z } from 'zod'
import type { Answer, Sent } from './client.ts'
import type { Operation } from './document/operations.ts'
import { needsAdmin } from './stage/places.ts'
import type { Stage } from './stage/stage.ts'

/** Longer than any answer takes on a busy machine, shorter than anybody waits. */
const patienceMs = 20_000

/** As a node has them by default. */
const maxHeadBytes = 16_000
const maxBodyBytes = 1_048_576

const problem = z.strictObject({
  type: z.string().startsWith('urn:tenantry:problem:'),
  title: z.string().min(1),
  status: z.int(),
  detail: z.string().optional(),
  code: z.string(),
  request_id: z.string(),
  errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  ids: z.array(z.string()).optional(),
})

/** Traces of what is inside: frames of a stack, files, the words of the database. */
const insides =
  /\n\s+at [\w.<>]+|node_modules|file:\/\/|\.[jt]s:\d+:\d+|syntax error at|violates \w+[ -]?\w* constraint|invalid input (syntax|value)|invalid byte sequence|relation "|permission denied for|row-level security|ECONNREFUSED|Cannot read propert|is not a function/i

/** A 503 says that a dependency is away: in this suite a tenant's change may be slow to arrive, and dozens of large batches at once fill a publish window. */
const allowed503 = new Set(['tenant.not_converged', 'broker.window_full'])

/** What is wrong with an answer to `operation`; empty for most. */
export function complaintsAbout(stage: Stage, operation: Operation, sent: Sent, answer: Answer): readonly string[] {
  if (answer.status === 0) return isTooLarge(sent) ? [] : [`the connection ended without an answer: ${answer.text}`]
  const asked = `${sent.path}\n${JSON.stringify(sent.headers)}\n${sent.body ? Buffer.from(sent.body).toString('utf8') : ''}`
  const shown = `${JSON.stringify(answer.headers)}\n${answer.text}`
  const complaints = [...wordsShown(stage, operation, sent, shown).filter(({ word }) => !asked.includes(word))].map(({ what }) => what)
  const inside = insides.exec(answer.text)?.[0]
  if (inside !== undefined && answer.status >= 400 && !asked.includes(inside.trim())) complaints.push(`shows its insides: ${inside}`)
  if (answer.tookMs > patienceMs) complaints.push(`answered after ${Math.round(answer.tookMs)} ms`)
  complaints.push(...complaintsAboutHeaders(answer))
  if (answer.status >= 400) complaints.push(...complaintsAboutProblem(sent, operation, answer))
  else complaints.push(...complaintsAboutSuccess(sent, operation, answer))
  return complaints
}

/** Sent to nobody: the framework's name, cookies, permission for other origins. */
const unwantedHeaders = ['x-powered-by', 'server', 'set-cookie', 'access-control-allow-origin']

function complaintsAboutHeaders({ headers }: Answer): readonly string[] {
  const isJson = headers['content-type']?.includes('json') === true
  return [
    ...unwantedHeaders.filter((name) => headers[name] !== undefined).map((name) => `sends ${name}: ${headers[name]}`),
    ...(isJson && headers['x-content-type-options'] !== 'nosniff' ? ['JSON without nosniff'] : []),
    ...(isJson && headers['cache-control'] !== 'no-store' ? ['JSON that may be kept in caches'] : []),
  ]
}

/** A server may hang up on whoever is still sending what it has refused. */
const isTooLarge = ({ path, headers, body }: Sent): boolean =>
  path.length + JSON.stringify(headers).length > maxHeadBytes || (body?.byteLength ?? 0) > maxBodyBytes

/** Words that must not be shown to whoever sent this. */
function wordsShown({ canaries, adminToken }: Stage, operation: Operation, sent: Sent, shown: string) {
  const isAdmin = sent.headers.authorization === `Bearer ${adminToken}` || needsAdmin(operation)
  const mayShowConfig = /^tenant\.(read|change)_config$/.test(operation.action)
  return [
    { word: canaries.foreign, what: 'shows the other tenant’s data', may: isAdmin },
    { word: canaries.secret, what: 'shows a secret', may: false },
    { word: canaries.config, what: 'shows a configured secret', may: mayShowConfig },
  ].filter(({ word, may }) => !may && shown.includes(word))
}

function complaintsAboutProblem({ method }: Sent, operation: Operation, { status, headers, text }: Answer): readonly string[] {
  if (method === 'HEAD') return status >= 500 ? [`answers ${status}`] : []
  const parsed = problem.safeParse(readJson(text))
  if (!parsed.success)
    return [`answers ${status} with no problem document: ${parsed.error.issues[0]?.path.join('.')} ${parsed.error.issues[0]?.message}`]
  const { data } = parsed
  const is503Documented = operation.answers.has('503') && operation.action === 'public'
  return [
    ...(status >= 500 && !is503Documented && !(status === 503 && allowed503.has(data.code)) ? [`answers ${status} ${data.code}`] : []),
    ...(data.status === status ? [] : [`answers ${status} and says ${data.status}`]),
    ...(headers['content-type']?.startsWith('application/problem+json') ? [] : [`a problem of type ${headers['content-type']}`]),
    ...(headers['x-request-id'] === data.request_id ? [] : [`x-request-id is ${headers['x-request-id']}, request_id ${data.request_id}`]),
    ...(status === 429 && headers['retry-after'] === undefined ? ['a 429 without Retry-After'] : []),
  ]
}

const validators = new WeakMap<object, z.ZodType | undefined>()

function complaintsAboutSuccess({ method }: Sent, operation: Operation, { status, text }: Answer): readonly string[] {
  if (method !== operation.method) return []
  if (!operation.answers.has(String(status))) return [`answers ${status}, which is not documented`]
  const schema = operation.answers.get(String(status))
  if (!schema) return []
  if (!validators.has(schema)) validators.set(schema, z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]))
  const parsed = validators.get(schema)?.safeParse(readJson(text))
  if (!parsed || parsed.success) return []
  return [`the ${status} is not as documented: ${parsed.error.issues[0]?.path.join('.')} ${parsed.error.issues[0]?.message}`]
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
