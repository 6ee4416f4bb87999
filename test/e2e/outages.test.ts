import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import pg from 'pg'
import { migrateUp } from '../../src/database/index.ts'
import type { Api } from '../support/api.ts'
import { startNodeOn } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import { type BrokerKind, brokerKinds, createInstallation, type Installation } from '../support/installation.ts'
import { expectStored, type Load, startLoad } from '../support/load.ts'
import { describeParallel } from '../support/parallel.ts'
import { rabbitmqUrl } from '../support/rabbitmq.ts'
import { startPrivatePostgres } from '../support/services/private-postgres.ts'
import { startPrivateRabbitmq } from '../support/services/private-rabbitmq.ts'

interface ReadyBody {
  readonly status: string
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>
}

/** Much less than the slowest publish may take: a busy machine needs its share. */
const patience = { publish: { confirmTimeoutMs: 2_000 } }

/** Publishes were answered, in time and as promised; the process never gave up. */
function expectGoodManners(load: Load, fatal: readonly Error[]): void {
  expect(fatal).to.deep.equal([])
  expect(load.statuses().filter((status) => ![202, 503].includes(status))).to.deep.equal([])
  expect(load.withoutRetryAfter(), '503 without Retry-After').to.equal(0)
  expect(load.slowestMs(), 'the slowest publish').to.be.lessThan(6_000)
}

async function expectAllRunning(api: Api, tenantIds: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      expect(await Promise.all(tenantIds.map(async (id) => (await api.tenant(id)).state))).to.deep.equal(tenantIds.map(() => 'running'))
      expect((await api.call('GET', '/readyz')).status).to.equal(200)
    },
    { timeoutMs: 40_000, everyMs: 50 },
  )
}

describeParallel('a server restarted under load, in order and after a kill: nothing accepted is lost, all tenants run again', 2, {
  RabbitMQ: async () => {
    const server = await startPrivateRabbitmq()
    try {
      await using installation = await createInstallation('rabbitmq', server.url)
      const fatal: Error[] = []
      await using node = await startNodeOn(installation, { config: patience, onFatal: (error) => fatal.push(error) })
      const { api } = node
      const tenants = await Promise.all(Array.from({ length: 5 }, () => api.createTenant()))
      const ids = tenants.map(({ id }) => id)
      await using load = startLoad(api, ids)
      await load.more(200)
      for (const end of ['in order', 'killed'] as const) {
        if (end === 'killed') await server.kill()
        const restarting = server.restart()
        await eventually(
          async () => {
            const { status, body } = await api.call<ReadyBody>('GET', '/readyz')
            expect([status, body.checks.broker?.ok, body.checks.database?.ok]).to.deep.equal([503, false, true])
          },
          { timeoutMs: 20_000 },
        )
        await eventually(() => load.statuses().includes(503))
        expect((await api.call('GET', '/healthz')).status).to.equal(200)
        await restarting
        await load.more(100, 60_000)
        await expectAllRunning(api, ids)
      }
      await load.stop()
      expectGoodManners(load, fatal)
      await expectStored(installation, load.accepted())
    } finally {
      await server.stop()
    }
  },

  'PostgreSQL, on both brokers': async () => {
    const server = await startPrivatePostgres()
    try {
      // The server is shared: it goes when every node has load running, and comes back when every node has noticed.
      const nodes = await Promise.all(brokerKinds.map((broker) => startSurvivor(server.url, broker)))
      try {
        for (const end of ['in order', 'killed'] as const) {
          await Promise.all(nodes.map(({ load }) => load.more(100)))
          // Readiness asks the database once a second at most: a server that is back at once is a server nobody missed.
          await (end === 'killed' ? server.kill() : server.halt())
          await Promise.all(nodes.map((node) => node.noticed()))
          await server.restart()
          await Promise.all(nodes.map((node) => node.recovered()))
        }
        for (const node of nodes) await node.verify()
      } finally {
        await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
      }
    } finally {
      await server.stop()
    }
  },
})

interface Survivor extends AsyncDisposable {
  readonly load: Load
  noticed(): Promise<void>
  recovered(): Promise<void>
  verify(): Promise<void>
}

async function startSurvivor(serverUrl: string, broker: BrokerKind): Promise<Survivor> {
  const installation = await createInstallationOn(serverUrl, broker)
  const fatal: Error[] = []
  const node = await startNodeOn(installation, { config: patience, onFatal: (error) => fatal.push(error) })
  const { api } = node
  const tenants = await Promise.all(Array.from({ length: 3 }, () => api.createTenant()))
  const ids = tenants.map(({ id }) => id)
  const load = startLoad(api, ids, { publishers: 2 })
  return {
    load,
    noticed: () =>
      eventually(
        async () => {
          const { status, body } = await api.call<ReadyBody>('GET', '/readyz')
          expect([status, body.checks.database?.ok]).to.deep.equal([503, false])
          expect(body.checks.database?.detail).to.be.a('string').that.is.not.empty
        },
        { timeoutMs: 20_000 },
      ),
    async recovered() {
      await load.more(50, 60_000)
      await expectAllRunning(api, ids)
    },
    async verify() {
      await load.stop()
      expectGoodManners(load, fatal)
      await expectStored(installation, load.accepted())
    },
    async [Symbol.asyncDispose]() {
      await load.stop()
      // The queues of the shared broker go with their tenants.
      await Promise.all(ids.map((id) => api.call('DELETE', `/v1/tenants/${id}?mode=discard`)))
      await node.close()
      await installation[Symbol.asyncDispose]()
    },
  }
}

/** A database of its own on a server that a test may end. It goes with the server. */
async function createInstallationOn(serverUrl: string, broker: BrokerKind): Promise<Installation> {
  const run = async (connectionString: string, text: string, values: unknown[] = []) => {
    const client = new pg.Client({ connectionString })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(text, values)).rows
    } finally {
      await client.end()
    }
  }
  await run(serverUrl, `create database for_${broker}`)
  const url = new URL(serverUrl)
  url.pathname = `/for_${broker}`
  await migrateUp({ url: url.href, schema: 'public' })
  const dir = mkdtempSync(join(tmpdir(), 'tenantry-engine-'))
  return {
    broker,
    databaseUrl: url.href,
    rabbitmqUrl: broker === 'rabbitmq' ? rabbitmqUrl : undefined,
    dir,
    query: (text, values) => run(url.href, text, values),
    [Symbol.asyncDispose]: async () => rmSync(dir, { recursive: true, force: true }),
  }
}
