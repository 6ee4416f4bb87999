/** The broker contract on PostgreSQL, and what only this adapter can show. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'chai'
import pg from 'pg'
import { createDatabase } from '../../src/broker/postgres/database.ts'
import type { PostgresBrokerOptions } from '../../src/broker/postgres/index.ts'
import { createPostgresBroker } from '../../src/broker/postgres/index.ts'
import { AppError } from '../../src/core/errors.ts'
import type { MessageId, TenantId } from '../../src/core/ids.ts'
import { tenantQueueName } from '../../src/core/ids.ts'
import type { Delivery, OutboundMessage } from '../../src/core/message.ts'
import type { Broker, BrokerConsumer, DeadLetter } from '../../src/core/ports/broker.ts'
import { eventually } from '../support/eventually.ts'
import { describeBrokerContract } from './broker-contract.ts'

const url = process.env.TENANTRY_TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'

function openInstallation() {
  const schema = `tq_test_${randomUUID().replaceAll('-', '').slice(0, 16)}`
  // All brokers of an installation hear each other, as they would through the database.
  const bus = new EventEmitter().setMaxListeners(0)
  const wake: PostgresBrokerOptions['wake'] = {
    notify: (queue) => void bus.emit('wake', queue),
    subscribe(listener) {
      bus.on('wake', listener)
      return () => bus.off('wake', listener)
    },
  }
  const limits = { maxInFlightPublishes: 20_000, maxInFlightPerTenant: 20_000, maxInFlightBytes: 1e8, publishTimeoutMs: 10_000 }
  const log = (level: string, text: string, details?: object) => {
    if (process.env.TENANTRY_TEST_LOG) console.error(level, text, details)
  }
  return {
    schema,
    createBroker: (overrides: Partial<PostgresBrokerOptions> = {}): Broker =>
      createPostgresBroker({ url, schema, poolSize: 4, wake, ...limits, log, ...overrides }),
    sql,
    async putForeign(tenantId: TenantId, body: string) {
      await sql(`INSERT INTO ${schema}.job (name, data) VALUES ($1, $2)`, [tenantQueueName(tenantId), JSON.stringify({ body })])
    },
    dispose: async () => {
      await sql(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    },
  }
}

async function sql(text: string, values: unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text, values)
  } finally {
    await client.end()
  }
}

describeBrokerContract('postgres', async () => openInstallation())

describe('postgres broker', function () {
  this.timeout(60_000)
  let installation: ReturnType<typeof openInstallation>
  let broker: Broker
  let opened: Broker[]
  const tenant = randomUUID() as TenantId

  beforeEach(async () => {
    installation = openInstallation()
    opened = []
    broker = await open()
    await broker.declareTenant(tenant)
  })
  afterEach(async () => {
    for (const each of opened) await each.close(5_000)
    await installation.dispose()
  })

  async function open(): Promise<Broker> {
    const created = installation.createBroker()
    opened.push(created)
    await created.connect(AbortSignal.timeout(30_000))
    return created
  }

  async function consume(on: Broker, prefetch = 100) {
    const deliveries: Delivery[] = []
    const lost: string[] = []
    const consumer: BrokerConsumer = await on.openConsumer(tenant, {
      consumerTag: randomUUID(),
      prefetch,
      onDelivery: (delivery) => deliveries.push(delivery),
      onLost: (reason) => lost.push(reason),
    })
    await consumer.start()
    return { deliveries, lost, consumer }
  }

  function message(fields: Partial<OutboundMessage> = {}): OutboundMessage {
    const id = randomUUID() as MessageId
    const { createdAtMs = 1 } = fields
    const defaults = { type: 'test', priority: 0, key: null, readyAtMs: createdAtMs, attempt: 1, firstAttempt: 1, body: '{}' } as const
    return { tenantId: tenant, id, createdAtMs, ...defaults, ...fields }
  }

  it('delivers a backlog by priority, then by age', async () => {
    let createdAtMs = 0
    for (const [priority, type] of [
      [0, 'a'],
      [2, 'b'],
      [1, 'c'],
      [0, 'd'],
      [2, 'e'],
    ] as const) {
      await broker.publish(message({ priority, type, createdAtMs: ++createdAtMs }))
    }
    const { deliveries } = await consume(broker)
    await eventually(() => expect(deliveries.map((delivery) => delivery.type)).to.deep.equal(['b', 'e', 'c', 'a', 'd']))
  })

  it('finds a message among the thousand that are claimed next, and knows of no other whether it waits', async () => {
    const last = message()
    await broker.publish(message())
    await sql(
      `INSERT INTO ${installation.schema}.job (name, priority, data) SELECT name, 1, data FROM ${installation.schema}.job, generate_series(1, 998)`,
    )
    await broker.publish(last)
    expect(await broker.find(tenant, last.id)).to.deep.equal({ kind: 'waiting', ahead: 999 })
    await broker.publish(message({ priority: 1 }))
    expect(await broker.find(tenant, last.id)).to.deep.equal({ kind: 'unknowable' })
    expect(await broker.find(tenant, randomUUID() as MessageId)).to.deep.equal({ kind: 'unknowable' })
    await sql(`DELETE FROM ${installation.schema}.job_common WHERE priority = 1`)
    expect(await broker.find(tenant, randomUUID() as MessageId)).to.deep.equal({ kind: 'missing' })
  })

  it('finds no message behind two megabytes of others, which it does not read', async () => {
    const [first, last] = [message(), message()]
    await broker.publish(first)
    await sql(
      `INSERT INTO ${installation.schema}.job (name, priority, data) SELECT name, 1, data || jsonb_build_object('data', noise) FROM ${installation.schema}.job,
       (SELECT string_agg(md5(random()::text), '') AS noise FROM generate_series(1, 24000)) n, generate_series(1, 3)`,
    )
    await broker.publish(last)
    expect(await broker.find(tenant, last.id)).to.deep.equal({ kind: 'unknowable' })
    expect(await broker.find(tenant, first.id)).to.deep.equal({ kind: 'waiting', ahead: 0 })
  })

  it('keeps waiting messages for decades', async () => {
    await broker.publish(message())
    const { rows } = await installation.sql(
      `SELECT keep_until > now() + interval '60 years' AS kept, retry_limit, deletion_seconds FROM ${installation.schema}.job`,
    )
    expect(rows).to.deep.equal([{ kept: true, retry_limit: 2_147_483_647, deletion_seconds: 0 }])
  })

  it('refuses a message the database cannot store, and no other of the same insert', async () => {
    const bodies = ['{}', '"\u0000"', '{}', '"\ud800"']
    const results = await Promise.allSettled(bodies.map((body) => broker.publish(message({ body }))))
    expect(results.map((result) => (result.status === 'fulfilled' ? 'ok' : codeOf(result.reason)))).to.deep.equal([
      'ok',
      'broker.refused',
      'ok',
      'broker.refused',
    ])
  })

  it('moves a job that is not a message to the dead-letter queue, with the reason', async () => {
    const { schema } = installation
    await installation.sql(
      `INSERT INTO ${schema}.job (name, data) SELECT $1, d FROM unnest(ARRAY['{"id":"x"}', NULL, '[]', '7']::jsonb[]) AS d`,
      [`tenant_${tenant}_queue`],
    )
    await broker.publish(message())
    const { deliveries } = await consume(broker)
    await eventually(async () => expect(await broker.depth(tenant)).to.deep.equal({ ready: 0, unacked: 1, dlq: 4 }))
    await eventually(() => expect(deliveries).to.have.length(1))
    const { rows } = await installation.sql(`SELECT data FROM ${schema}.job WHERE name = $1 ORDER BY data->>'raw'`, [
      `tenant_${tenant}_dlq`,
    ])
    expect(rows.map((row) => row.data)).to.deep.include({ reason: 'id is not a UUID', raw: { id: 'x' } })
  })

  it('hands out whatever lies in a dead-letter queue: what could not be read, what an earlier version put there, anything', async () => {
    const { schema } = installation
    const earlier = { ...message({ type: 'old', priority: 2, attempt: 3, body: '{"a":1}' }), reason: 'it gave up' }
    const data = [{ id: 'x' }, null, [], 7].map((raw) => ({ reason: 'the job has no data', raw }))
    await installation.sql(`INSERT INTO ${schema}.job (name, data) SELECT $1, d FROM jsonb_array_elements($2::jsonb) AS d`, [
      `tenant_${tenant}_dlq`,
      JSON.stringify([...data, earlier, 'by hand']),
    ])
    const letters: DeadLetter[] = []
    await broker.openDeadLetters(tenant, { onDeadLetter: async (letter) => void letters.push(letter), onLost: () => {} })
    await eventually(() => expect(letters).to.have.length(6))
    const shown = letters.map(({ id, type, attempt, priority, reason, detail, body }) => ({
      ...{ id, type, attempt, priority, reason, detail },
      body: Buffer.from(body).toString(),
    }))
    const unread = { id: undefined, type: undefined, attempt: 1, priority: 0, reason: 'undecodable', detail: 'the job has no data' }
    expect(shown).to.have.deep.members([
      ...['{"id":"x"}', 'null', '[]', '7'].map((body) => ({ ...unread, body })),
      { id: earlier.id, type: 'old', attempt: 3, priority: 2, reason: 'unknown', detail: 'it gave up', body: '{"a":1}' },
      { ...unread, reason: 'unknown', detail: 'the job names no reason', body: '"by hand"' },
    ])
    await eventually(async () => expect(await broker.depth(tenant)).to.include({ dlq: 0 }))
  })

  it('takes no number that cannot be stored for an attempt or a time', async () => {
    const { schema } = installation
    const wrong = [{ attempt: 32_768 }, { createdAtMs: 8.64e15 + 1 }].map((fields) => ({ ...message(), ...fields }))
    await installation.sql(`INSERT INTO ${schema}.job (name, data) SELECT $1, d FROM jsonb_array_elements($2::jsonb) AS d`, [
      `tenant_${tenant}_queue`,
      JSON.stringify(wrong),
    ])
    await broker.publish(message({ attempt: 32_767 }))
    const { deliveries } = await consume(broker)
    await eventually(() => expect(deliveries.map(({ attempt }) => attempt)).to.deep.equal([32_767]))
    const letters: DeadLetter[] = []
    await broker.openDeadLetters(tenant, { onDeadLetter: async (letter) => void letters.push(letter), onLost: () => {} })
    await eventually(() => expect(letters).to.have.length(2))
    expect(letters.map(({ attempt }) => attempt)).to.deep.equal([1, 1])
    expect(letters.every(({ createdAtMs }) => !Number.isNaN(new Date(createdAtMs).getTime()))).to.equal(true)
    expect(letters.map(({ detail }) => detail)).to.have.members([
      'attempt is not a whole number from 1 to 32767',
      'createdAtMs is not a time in milliseconds',
    ])
  })

  it('delivers jobs of an earlier version, which say neither when they were due nor when counting began', async () => {
    const { readyAtMs: _, firstAttempt: __, ...data } = message({ attempt: 4 })
    await installation.sql(`INSERT INTO ${installation.schema}.job (name, data) VALUES ($1, $2)`, [`tenant_${tenant}_queue`, data])
    const { deliveries } = await consume(broker)
    await eventually(() => expect(deliveries).to.have.length(1))
    expect(deliveries[0]).to.include({ id: data.id, attempt: 4, firstAttempt: 1, readyAtMs: data.createdAtMs })
  })

  it('tells the readers of dead letters once that the connection was lost; what they held comes again', async () => {
    await installation.sql(`INSERT INTO ${installation.schema}.job (name, data) VALUES ($1, '{"body":"x"}')`, [`tenant_${tenant}_dlq`])
    const lost: string[] = []
    const letters: DeadLetter[] = []
    const onLost = (reason: string) => void lost.push(reason)
    const never = new Promise<void>(() => {})
    const onDeadLetter = (letter: DeadLetter) => {
      letters.push(letter)
      return never
    }
    const first = await broker.openDeadLetters(tenant, { onDeadLetter, onLost })
    await eventually(() => expect(letters).to.have.length(1))
    const { rows } = await presenceOf(installation.schema)
    for (const { pid } of rows) await installation.sql('SELECT pg_terminate_backend($1)', [pid])
    await eventually(() => expect(lost).to.have.length(1))
    await first.close()
    await broker.connect(AbortSignal.timeout(10_000))
    await broker.openDeadLetters(tenant, { onDeadLetter, onLost })
    await eventually(() => expect(letters.map((letter) => letter.redelivered)).to.deep.equal([false, true]))
    expect(lost).to.have.length(1)
  })

  it('gives the messages of a killed process back at once when no other node is alive', async () => {
    await broker.publishBatch([message(), message(), message()])
    await broker.close(5_000)
    const door = new URL('../../src/broker/postgres/index.ts', import.meta.url).href
    const child = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `
      const { createPostgresBroker } = await import(${JSON.stringify(door)})
      const wake = { notify() {}, subscribe: () => () => {} }
      const broker = createPostgresBroker({ url: ${JSON.stringify(url)}, schema: ${JSON.stringify(installation.schema)}, poolSize: 2, wake,
        maxInFlightPublishes: 10, maxInFlightPerTenant: 10, maxInFlightBytes: 1e6, publishTimeoutMs: 1e4, log() {} })
      await broker.connect(AbortSignal.timeout(3e4))
      const consumer = await broker.openConsumer(${JSON.stringify(tenant)}, { consumerTag: 'c', prefetch: 3, onDelivery: (d) => d.tag === 3 && console.log('claimed'), onLost() {} })
      await consumer.start()`,
    ])
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    // PostgreSQL notices the death of the process within moments, not at once.
    await eventually(async () => expect((await presenceOf(installation.schema)).rows).to.be.empty)
    const next = await open()
    expect(await next.depth(tenant)).to.deep.equal({ ready: 3, unacked: 0, dlq: 0 })
    const { deliveries } = await consume(next)
    await eventually(() => expect(deliveries.map((delivery) => delivery.redelivered)).to.deep.equal([true, true, true]))
  })

  it('leaves the claims of a living node alone when another joins', async () => {
    await broker.publish(message())
    const first = await consume(broker)
    await eventually(() => expect(first.deliveries).to.have.length(1))
    const second = await open()
    expect(await second.depth(tenant)).to.deep.equal({ ready: 0, unacked: 1, dlq: 0 })
  })

  it('returns a claim whose heartbeat has stopped', async () => {
    await broker.publish(message())
    await installation.sql(
      `UPDATE ${installation.schema}.job SET state = 'active', started_on = now(), heartbeat_on = now() - interval '21 seconds'`,
    )
    const { deliveries } = await consume(broker)
    await eventually(() => expect(deliveries.map((delivery) => delivery.redelivered)).to.deep.equal([true]), { timeoutMs: 45_000 })
  })

  it('reports a lost connection once, ends its consumers, and connects again', async () => {
    await broker.publishBatch([message(), message()])
    const { deliveries, lost, consumer } = await consume(broker)
    await eventually(() => expect(deliveries).to.have.length(2))
    const events: unknown[] = []
    broker.subscribe((event) => events.push({ ...event, lost: [...lost] }))
    const { rows } = await presenceOf(installation.schema)
    for (const { pid } of rows) await installation.sql('SELECT pg_terminate_backend($1)', [pid])
    await eventually(() => expect(events).to.have.length(1))
    // The consumers have ended by the time the broker says that it is lost.
    expect(events[0]).to.deep.include({ type: 'broker.lost' })
    expect(events[0]).to.have.nested.property('lost.length', 1)
    for (const delivery of deliveries) consumer.ack(delivery)
    await consumer.close()
    expect(await broker.publish(message()).catch(codeOf)).to.equal('broker.unavailable')
    await broker.connect(AbortSignal.timeout(10_000))
    const again = await consume(broker)
    await eventually(() => expect(again.deliveries.map((delivery) => delivery.redelivered)).to.deep.equal([true, true]))
    expect(events).to.have.length(1)
    expect(lost).to.have.length(1)
  })

  it('opens no consumer on a connection that is lost while it looks for the queue', async () => {
    const { schema } = installation
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    await holder.query(`BEGIN; LOCK TABLE ${schema}.queue`)
    // The statements that wait are left a moment to end, and do: the lock goes when the connection does.
    const released = new Promise((resolve) => broker.subscribe(() => resolve(holder.query('ROLLBACK'))))
    const onLost = () => {}
    const opening = [
      broker.openConsumer(tenant, { consumerTag: 'c', prefetch: 1, onDelivery() {}, onLost }),
      broker.openDeadLetters(tenant, { onDeadLetter: async () => {}, onLost }),
    ].map((each) => each.then(() => 'open', codeOf))
    await eventually(async () => {
      const { rows } = await sql(`SELECT FROM pg_locks WHERE relation = '${schema}.queue'::regclass AND NOT granted`)
      expect(rows).to.have.length(2)
    })
    const { rows } = await presenceOf(schema)
    for (const { pid } of rows) await installation.sql('SELECT pg_terminate_backend($1)', [pid])
    expect(await Promise.all(opening)).to.deep.equal(['broker.unavailable', 'broker.unavailable'])
    // Those who wait for a lock may hear that it is free before its holder does.
    await released
    await holder.end()
  })

  it('is not connected when its presence is lost while it settles in', async () => {
    const { schema } = installation
    const [first] = (await presenceOf(schema)).rows
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    await holder.query(`BEGIN; LOCK TABLE ${schema}.version`)
    const second = installation.createBroker()
    opened.push(second)
    const connecting = second.connect(AbortSignal.timeout(30_000)).then(() => 'connected', codeOf)
    const waiting = `SELECT FROM pg_locks WHERE relation = '${schema}.version'::regclass AND NOT granted`
    await eventually(async () => expect((await sql(waiting)).rows).to.have.length(1))
    for (const { pid } of (await presenceOf(schema)).rows) if (pid !== first.pid) await sql('SELECT pg_terminate_backend($1)', [pid])
    await eventually(async () => expect((await presenceOf(schema)).rows).to.deep.equal([first]))
    await holder.query('ROLLBACK')
    await holder.end()
    expect(await connecting).to.equal('broker.unavailable')
  })

  it('waits for nobody’s lock for ever', async () => {
    const database = createDatabase({ url, poolSize: 1, onTrouble: () => {} })
    const { rows } = await database.query('SHOW lock_timeout')
    expect(rows).to.deep.equal([{ lock_timeout: '15s' }])
    await database.destroy()
  })

  it('rejects with broker.unavailable when the database cannot be reached', async () => {
    const unreachable = installation.createBroker({ url: 'postgres://postgres@127.0.0.1:1/postgres' })
    expect(await unreachable.connect(AbortSignal.timeout(10_000)).catch(codeOf)).to.equal('broker.unavailable')
  })

  it('gives up connecting to a server that does not answer when the signal says so', async () => {
    const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : expect.fail('no port')
    const silent = installation.createBroker({ url: `postgres://postgres@127.0.0.1:${port}/postgres` })
    const cancel = new AbortController()
    server.once('connection', () => cancel.abort())
    expect(await silent.connect(cancel.signal).catch(codeOf)).to.equal('broker.unavailable')
    server.close()
  })
})

const presenceOf = (schema: string) =>
  sql(
    `SELECT pid FROM pg_locks WHERE locktype = 'advisory'
       AND ((classid::bigint << 32) | objid::bigint) = hashtextextended('tenantry.broker.node.' || $1, 0)`,
    [schema],
  )

const codeOf = (error: unknown): string => (error instanceof AppError ? error.code : `not an AppError: ${String(error)}`)
