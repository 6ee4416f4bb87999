/** A node of its own process with four tenants on it: one to read, one to write to, one to be ill-treated, and one that must stay unseen. */
import { join } from 'node:path'
import pg from 'pg'
import { deriveKeys } from '../../../src/auth/installation-keys.ts'
import { installationSecret } from '../../support/api.ts'
import { createInstallation, type Installation } from '../../support/installation.ts'
import { environmentOf, type NodeProcess, startNodeProcess } from '../../support/process.ts'
import { type Answer, type Client, createClient, type Sent } from '../client.ts'
import { type Operation, readOperations } from '../document/operations.ts'
import { type Canaries, createCanaries } from './canary.ts'
import { addFlightRecords } from './flight-records.ts'
import { createStageTenant, type StageTenant } from './tenant.ts'
import type { SigningKey } from './tokens.ts'

export interface Stage extends AsyncDisposable {
  readonly installation: Installation
  readonly node: NodeProcess
  readonly client: Client
  readonly operations: readonly Operation[]
  readonly canaries: Canaries
  /** Signs and verifies the node's access tokens. */
  readonly signingKey: SigningKey
  /** The platform admin's token. */
  readonly adminToken: string
  /** Is asked: nobody changes anything there. */
  readonly own: StageTenant
  /** Takes what is published and created. */
  readonly written: StageTenant
  /** Is paused, resized, renamed. */
  readonly battered: StageTenant
  /** Must stay unseen: every text of it holds the foreign canary. */
  readonly other: StageTenant
  /** Was deleted, with everything in it. */
  readonly deleted: StageTenant
  /** One of each tenant, by the tenant's id. */
  readonly flightRecordIds: ReadonlyMap<string, string>
  /** What its owner and its API key were told right after. */
  readonly onceDeleted: readonly Answer[]
  /** As the owner of the tables, past row-level security. */
  query<Row extends Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
}

/** What a suite must not run into; nothing of it is what the suite is about. */
const environment = {
  LOG_LEVEL: 'debug',
  TENANTRY_HTTP_RATE_LIMITS_MANAGEMENT_PER_SECOND: '0',
  TENANTRY_HTTP_RATE_LIMITS_CHAT_PER_SECOND: '0',
  TENANTRY_AUTH_LOGIN_FAILURES_PER_MINUTE: '10000',
  TENANTRY_AUTH_REGISTRATION: 'open',
  TENANTRY_HANDLERS: join(import.meta.dirname, 'handlers', 'security.ts'),
}

export async function createStage({ connections = 32 } = {}): Promise<Stage> {
  const installation = await createInstallation('postgres')
  const stack = new AsyncDisposableStack()
  stack.use(installation)
  try {
    const node = stack.use(await startNodeProcess({ ...environmentOf(installation), ...environment }))
    const client = stack.use(createClient(node.url, connections))
    const pool = new pg.Pool({ connectionString: installation.databaseUrl, max: 3 })
    stack.defer(() => pool.end())
    pool.on('error', () => undefined)
    const canaries = createCanaries()
    const words = { secretWord: canaries.secret, configWord: canaries.config }
    const [own, written, battered, other, deleted] = await Promise.all([
      createStageTenant(node.api, { word: 'own', ...words }),
      createStageTenant(node.api, { word: 'written', ...words, roles: ['owner', 'viewer'] }),
      createStageTenant(node.api, { word: 'battered', ...words, roles: ['owner', 'viewer'] }),
      createStageTenant(node.api, { word: canaries.foreign, ...words }),
      createStageTenant(node.api, { word: 'deleted', ...words, roles: ['owner', 'viewer'] }),
    ])
    const askAsDeleted = () =>
      Promise.all(credentialsOf(deleted).map((headers) => client.send({ method: 'GET', path: '/v1/auth/me', headers })))
    const flightRecordIds = await addFlightRecords(pool, {
      [written.id]: 'written',
      [battered.id]: 'battered',
      [other.id]: canaries.foreign,
      [deleted.id]: 'deleted',
      [own.id]: 'own',
    })
    // Asked for before as well, so that the node remembers whom they stand for.
    await askAsDeleted()
    await node.api.expect(200, 'DELETE', `/v1/tenants/${deleted.id}?mode=discard`)
    const onceDeleted = await askAsDeleted()
    const document = await node.api.expect(200, 'GET', '/openapi.json')
    const [signingKey] = deriveKeys({ current: installationSecret }).tokens
    if (!signingKey) throw new Error('the secret gives no key')
    return {
      ...{ installation, node, client, canaries, own, written, battered, other, deleted, flightRecordIds, onceDeleted, signingKey },
      adminToken: node.api.token,
      operations: readOperations(document),
      query: async (text, values) => (await pool.query(text, values)).rows,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

const credentialsOf = ({ users, keys }: StageTenant): readonly Sent['headers'][] => [
  { authorization: `Bearer ${users.owner.token}` },
  { 'x-api-key': keys.read.key },
]
