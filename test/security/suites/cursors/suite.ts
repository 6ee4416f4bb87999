/** Cursors that were altered, borrowed or overtaken: refused, or the caller's own data. */
import { createHash, randomUUID } from 'node:crypto'
import { createRandom, type Random } from '../../../support/random.ts'
import { complaintsAbout } from '../../answers.ts'
import type { Answer } from '../../client.ts'
import type { Operation } from '../../document/operations.ts'
import { createLedger, type Ledger, type SuiteResult } from '../../finding.ts'
import { inLanes } from '../../lanes.ts'
import { credentialsFor, fillPlaces, toPath } from '../../stage/places.ts'
import type { StageTenant } from '../../stage/tenant.ts'
import type { SuiteOptions } from '../suite.ts'

interface List {
  readonly operation: Operation
  /** With `?` or `&` at its end. */
  readonly path: (tenant: StageTenant) => string
}

const oddLimits = ['-1', '0', '99999999999', '1e9', '1.5', 'NaN', '', ' ', '0x10', 'all', "1'", '-0', '+1', '１', '50; select 1']

export async function tamperWithCursors(options: SuiteOptions): Promise<SuiteResult> {
  const { stage, profile, seed, say } = options
  const ledger = createLedger('cursors')
  const lists = stage.operations
    .filter(({ parameters }) => parameters.some(({ name }) => name === 'cursor'))
    .flatMap((operation) => toLists(options, operation))
  const cursors = await Promise.all(lists.map(async (list) => ({ list, cursor: await firstCursor(options, list, stage.own) })))
  const real = cursors.flatMap(({ cursor }) => (cursor === undefined ? [] : [cursor]))
  const foreign = (await Promise.all(lists.map((list) => firstCursor(options, list, stage.other)))).filter((cursor) => cursor !== undefined)

  await inLanes(Math.min(8, profile.lanes), cursors, async ({ list, cursor }) => {
    const { operation } = list
    const say = (what: string) => `${list.path(stage.own)} ${what}`
    const look = async (query: string): Promise<Answer> => {
      const sent = { method: 'GET', path: `${list.path(stage.own)}${query}`, headers: credentialsFor(stage, operation, stage.own) }
      const answer = await stage.client.send(sent)
      ledger.answered(operation.id, answer)
      for (const complaint of [
        ...complaintsAbout(stage, operation, sent, answer),
        ...complaintsAboutOwnership(options, operation, answer),
      ]) {
        ledger.found(operation.id, complaint, sent, answer)
      }
      return answer
    }
    const mustRefuse = async (kind: string, query: string): Promise<void> => {
      const answer = await look(query)
      if (answer.status !== 400)
        ledger.found(operation.id, say(`${kind}: ${query.slice(0, 300)} is told ${answer.status}`), undefined, answer)
    }
    for (const limit of [...oddLimits, String(maxLimitOf(operation) + 1)])
      await mustRefuse('odd limit', `limit=${encodeURIComponent(limit)}`)
    if (cursor === undefined) return ledger.note(`${say('')}has no second page`)
    const good = await look(`limit=1&cursor=${cursor}`)
    if (good.status !== 200) ledger.found(operation.id, say(`refuses its own cursor ${cursor}`), undefined, good)
    for (const bad of alter(cursor, createRandom(seed).fork(operation.id), profile.bitFlips)) {
      await mustRefuse('altered cursor', `cursor=${encodeURIComponent(bad)}`)
    }
    await mustRefuse('two cursors', `cursor=${cursor}&cursor=${cursor}`)
    for (const borrowed of [...real, ...foreign].filter((each) => each !== cursor))
      await mustRefuse('borrowed cursor', `cursor=${borrowed}`)
    // Whoever knows how a cursor is made can make one: it leads to another place of the same list.
    for (const forged of forgeAll(stage.own.id)) await look(`cursor=${forged}`)
  })
  await replayAfterDelete(options, ledger)
  say(`cursors: ${lists.length} lists, ${real.length} with a second page`)
  return ledger.result()
}

const maxLimitOf = ({ parameters }: Operation): number => parameters.find(({ name }) => name === 'limit')?.schema.maximum ?? 200

/** The scheduled messages are a list of their own behind the same operation. */
function toLists({ stage }: SuiteOptions, operation: Operation): readonly List[] {
  const path = (tenant: StageTenant): string => `${toPath(operation, fillPlaces(stage, operation, tenant))}?`
  const plain = { operation, path }
  return operation.action === 'message.list' ? [plain, { operation, path: (tenant) => `${path(tenant)}status=scheduled&` }] : [plain]
}

async function firstCursor({ stage }: SuiteOptions, { operation, path }: List, tenant: StageTenant): Promise<string | undefined> {
  const headers = credentialsFor(stage, operation, tenant)
  const { status, text } = await stage.client.send({ method: 'GET', path: `${path(tenant)}limit=1`, headers })
  if (status !== 200) throw new Error(`${path(tenant)} is told ${status} ${text}`)
  return (JSON.parse(text) as { next_cursor: string | null }).next_cursor ?? undefined
}

function alter(cursor: string, random: Random, flips: number): readonly string[] {
  const bytes = Buffer.from(cursor, 'base64url')
  const flipped = Array.from({ length: flips }, () => {
    const copy = Buffer.from(bytes)
    const at = random.between(0, copy.length - 1)
    copy[at] = (copy[at] ?? 0) ^ (1 << random.between(0, 7))
    return copy.toString('base64url')
  })
  const respelled = [
    cursor.slice(0, -1),
    cursor.slice(1),
    `${cursor}=`,
    `${cursor}A`,
    ` ${cursor}`,
    `${cursor}\n`,
    cursor.toLowerCase(),
    cursor.toUpperCase(),
    cursor + cursor,
  ]
  const odd = [
    '',
    'x',
    'null',
    'e30',
    'W10',
    '[]',
    '{}',
    '0',
    '-1',
    "' or 1=1 --",
    '../..',
    'A'.repeat(400),
    'A'.repeat(401),
    'A'.repeat(5000),
    '💥',
    '%00',
  ]
  return [...flipped, ...respelled, ...odd].filter((altered) => altered !== cursor)
}

/** Cursors with the right check for lists of this tenant, at places that may break a query. */
function forgeAll(tenantId: string): readonly string[] {
  const lists = ['messages', 'scheduled', 'failed', 'users', 'invitations', 'api-keys', 'audit', 'actors', 'flight-records']
  const scopes = lists.map((list) => `tenants/${tenantId}/${list}`)
  const positions = ['0', '1', '999999999999999999', '253402300800000000'].map((time) => JSON.stringify([1, time, randomUUID()]))
  const forge = (scope: string, text: string): string => {
    const check = createHash('sha256').update(`tenantry cursor\n${scope}\n${text}`).digest().subarray(0, 16)
    return Buffer.concat([check, Buffer.from(text)]).toString('base64url')
  }
  return [...scopes, 'tenants', 'messages', 'audit', 'erasures', 'actors', 'flight-records'].flatMap((scope) =>
    positions.map((text) => forge(scope, text)),
  )
}

/** Rows that say whose they are must be the caller's, for a caller of a tenant. */
function complaintsAboutOwnership({ stage }: SuiteOptions, { path }: Operation, { status, text }: Answer): readonly string[] {
  if (status !== 200 || !(path.includes('{id}') || path.endsWith('/messages') || path.endsWith('/flight-records'))) return []
  const rows = (JSON.parse(text) as { data: readonly { tenant_id?: string | null }[] }).data
  return rows.some(({ tenant_id }) => tenant_id !== undefined && tenant_id !== stage.own.id) ? ['lists another tenant’s rows'] : []
}

/** A page goes on where the row was that its cursor names. */
async function replayAfterDelete({ stage }: SuiteOptions, ledger: Ledger): Promise<void> {
  const { id, users } = stage.written
  const headers = { authorization: `Bearer ${users.owner.token}` }
  const path = `/v1/tenants/${id}/invitations`
  const read = async (query: string) => {
    const answer = await stage.client.send({ method: 'GET', path: `${path}?${query}`, headers })
    return { answer, page: JSON.parse(answer.text) as { data: readonly { id: string }[]; next_cursor: string } }
  }
  const first = await read('limit=1')
  const next = await read(`limit=1&cursor=${first.page.next_cursor}`)
  await stage.client.send({ method: 'DELETE', path: `${path}/${first.page.data[0]?.id}`, headers })
  const again = await read(`limit=1&cursor=${first.page.next_cursor}`)
  if (again.answer.status !== 200 || again.page.data[0]?.id !== next.page.data[0]?.id) {
    ledger.found('cursors', 'a cursor loses its place when its row is deleted', undefined, again.answer)
  }
}
