import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import type { FailedMessage } from '../../../src/core/failure.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import { createTenantExport } from '../../../src/engine/index.ts'
import { tenantId } from '../../actors/support/samples.ts'

const at = new Date(0)
const canary = 'canary-0123456789'

/** `count` items in pages of what is asked for, each found by the one before it. */
const pagesOf =
  <Item>(count: number, create: (number: number) => Item) =>
  async ({ after, limit }: { readonly after?: unknown; readonly limit: number }) => {
    const start = after === undefined ? 0 : Number((after as { id: string }).id)
    const end = Math.min(count, start + limit)
    const items = Array.from({ length: end - start }, (_, index) => create(start + index))
    return { items, next: end < count ? { createdAtMicros: '0', scheduledAtMicros: '0', id: String(end) as MessageId } : undefined }
  }

const toMessage = (number: number) => ({
  ...{ id: `message-${number}` as MessageId, tenantId, type: 'note', data: { canary }, priority: 0 as const, key: null },
  ...{ status: 'processed' as const, attempts: 1, error: `quotes ${canary}`, createdAt: at, processedAt: at, scheduledAt: at },
})
const toFailed = (number: number, body: Uint8Array): FailedMessage => ({
  ...{ id: `failed-${number}` as MessageId, tenantId, type: 'note', body, priority: 0, key: null, status: 'pending', attempts: 1 },
  ...{ retryCount: 0, nextRetryAt: at, errorClass: 'Error', error: `quotes ${canary}`, fingerprint: 'f', reason: null, closedAt: null },
  history: [{ attempt: 1, startedAtMs: 0, durationMs: 5, outcome: 'failed', errorClass: 'Error', error: `quotes ${canary}` }],
  ...{ createdAt: at, failedAt: at, updatedAt: at },
})

function setup({ messages = 250, failAt = Number.POSITIVE_INFINITY } = {}) {
  const scopes: (TenantId | undefined)[] = []
  let scope: TenantId | undefined
  const bodies = [Buffer.from(JSON.stringify({ canary })), Buffer.from(`\u00ff not JSON ${canary}`, 'latin1')]
  const listMessages = pagesOf(messages, (number) => {
    if (number === failAt) throw new AppError('database.unavailable', 'away', { retryable: true })
    return toMessage(number)
  })
  const listFailed = pagesOf(2, (number) => toFailed(number, bodies[number] as Uint8Array))
  const listScheduled = pagesOf(101, toMessage)
  const person = (number: number) => ({
    id: `user-${number}`,
    tenantId,
    username: 'ada',
    role: 'owner' as const,
    createdAt: at,
    updatedAt: at,
  })
  const services: Parameters<typeof createTenantExport>[0] = {
    version: '1.2.3',
    asTenant(id, work) {
      scope = id
      try {
        return work()
      } finally {
        scope = undefined
      }
    },
    engine: {
      async findTenant(id) {
        scopes.push(scope)
        if (id !== tenantId) return undefined
        const config = { webhook: { secret: canary, url: `https://ada:${canary}@host/` }, color: 'red' }
        const view = { state: 'running' as const, stateReason: null, currentWorkers: 1, queueName: 'q', version: 3 }
        return { id, name: 'acme', description: null, status: 'active', workers: 1, config, createdAt: at, updatedAt: at, ...view }
      },
      async listMessages(query) {
        scopes.push(scope)
        const { items, next } = await listMessages(query)
        return { messages: items, next }
      },
      async listFailed(query) {
        scopes.push(scope)
        const { items, next } = await listFailed(query)
        return { failed: items, next }
      },
      async listScheduled(query) {
        scopes.push(scope)
        const { items, next } = await listScheduled(query)
        return { messages: items, next }
      },
    },
    identity: {
      // What a store may give beside what is asked for does not get out.
      users: { list: (_, query) => pagesOf(1, (number) => ({ ...person(number), passwordHash: canary }))(query) },
      invitations: {
        list: (_, query) =>
          pagesOf(1, (number) => ({
            ...{ id: `invitation-${number}`, tenantId, role: 'member' as const, username: null, invitedBy: 'ada', hash: canary },
            ...{ createdAt: at, expiresAt: at },
          }))(query),
      },
      apiKeys: {
        list: (_, query) =>
          pagesOf(1, (number) => ({
            ...{ id: `key-${number}`, tenantId, name: 'ci', prefix: 'tnt_a1b2c3d4', scopes: ['publish' as const], hash: canary },
            ...{ createdBy: 'ada', createdAt: at, lastUsedAt: null, expiresAt: null, replacedAt: null },
          }))(query),
      },
    },
    audit: {
      async list(query) {
        const { items, next } = await pagesOf(1, (number) => ({
          ...{ id: `entry-${number}`, at, tenantId, action: 'tenant.pause', resource: null, address: '127.0.0.1', requestId: 'r' },
          ...{ doer: { kind: 'tenant_user' as const, id: 'user-0', name: 'ada' }, before: undefined, after: { status: 'paused' } },
        }))(query)
        return { entries: items, next }
      },
    },
    secrets: { list: async () => [{ name: 'mail', createdAt: at, updatedAt: at, sealed: canary }] },
  }
  return { scopes, exportTenant: createTenantExport(services) }
}

async function take(texts: AsyncIterable<string>) {
  const taken: string[] = []
  for await (const text of texts) taken.push(text)
  for (const text of taken) expect(text).to.match(/^\{.*\}\n$/)
  return taken.map((text) => JSON.parse(text))
}

describe('an export', () => {
  it('has one line for everything, and says at its end how many there were', async () => {
    const { scopes, exportTenant } = setup()
    const lines = await take(exportTenant(tenantId, { withPayloads: true }))
    expect(lines[0]).to.include({ kind: 'export', tenant_id: tenantId, version: '1.2.3' })
    expect(Number.isNaN(Date.parse(lines[0].exported_at))).to.equal(false)
    const counts = {
      ...{ tenant: 1, user: 1, invitation: 1, api_key: 1, secret: 1 },
      ...{ message: 250, failed_message: 2, scheduled_message: 101, audit_entry: 1 },
    }
    expect(lines.at(-1)).to.deep.equal({ kind: 'end', counts })
    expect(new Set(lines.filter(({ kind }) => kind === 'message').map(({ id }) => id)).size).to.equal(250)
    expect(lines.filter(({ kind }) => kind === 'failed_message').map(({ data, raw_base64 }) => [data, raw_base64 !== null])).to.deep.equal([
      [{ canary }, false],
      [null, true],
    ])
    // Every page is read in the tenant's own scope.
    expect(new Set(scopes)).to.deep.equal(new Set([tenantId]))
  })

  it('holds no hash and no secret, and without payloads no data', async () => {
    const { exportTenant } = setup({ messages: 3 })
    const lines = await take(exportTenant(tenantId, { withPayloads: false }))
    expect(JSON.stringify(lines)).to.not.include(canary).and.to.not.include(Buffer.from(canary).toString('base64').slice(4, 16))
    expect(lines.find(({ kind }) => kind === 'tenant').config).to.deep.equal({
      webhook: { secret: '[redacted]', url: 'https://[redacted]@host/' },
      color: 'red',
    })
    for (const line of lines.filter(({ kind }) => /message$/.test(kind))) expect(line).to.deep.include({ data: null, data_hidden: true })
    const withPayloads = await take(exportTenant(tenantId, { withPayloads: true }))
    for (const line of withPayloads) if (!/message$/.test(line.kind)) expect(JSON.stringify(line)).to.not.include(canary)
  })

  it('begins with nothing for a tenant that is missing', async () => {
    const texts = setup().exportTenant('018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId, { withPayloads: true })
    const error = await texts[Symbol.asyncIterator]()
      .next()
      .then(() => undefined)
      .catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(AppError).with.property('code', 'tenant.missing')
  })

  it('has no end when it is cut off', async () => {
    const lines: string[] = []
    let error: unknown
    try {
      for await (const text of setup({ failAt: 150 }).exportTenant(tenantId, { withPayloads: true })) lines.push(text)
    } catch (thrown) {
      error = thrown
    }
    expect(error).to.be.instanceOf(AppError).with.property('code', 'database.unavailable')
    expect(lines).to.have.length(106)
    expect(lines.at(-1)).to.not.include('"end"')
  })
})
