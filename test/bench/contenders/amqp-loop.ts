/** The loops one writes by hand with amqplib and pg: a batch for each INSERT, or one message. */
import { type ConsumeMessage, connect } from 'amqplib'
import pg from 'pg'
import { openBacklog } from '../support/backlog.ts'
import type { Contender, ContenderOptions, CreateContender } from './contender.ts'
import { insertMany, insertOne, type NewRow } from './insert.ts'

const lingerMs = 2

interface LoopOptions {
  readonly prefetch: number
  /** Messages per INSERT. */
  readonly batchSize: number
  /** INSERTs at once. */
  readonly inserts: number
}

/** Batches of 200, prefetch 1000, as many INSERTs at once as the prefetch fills. */
export const createBatchedLoop: CreateContender = (options) => createLoop(options, { prefetch: 1000, batchSize: 200, inserts: 5 })

/** The same with the next INSERT only after the last. */
export const createSerialBatchedLoop: CreateContender = (options) => createLoop(options, { prefetch: 1000, batchSize: 200, inserts: 1 })

/** One INSERT for each message, five in flight. */
export const createOneByOneLoop: CreateContender = (options) => createLoop(options, { prefetch: 5, batchSize: 1, inserts: 5 })

async function createLoop(options: ContenderOptions, { prefetch, batchSize, inserts }: LoopOptions): Promise<Contender> {
  const { tenantId } = options
  const queue = `bench_${tenantId}`
  const consumerTag = `bench-${tenantId}`
  const backlog = await openBacklog(options.rabbitmqUrl)
  const connection = await connect(options.rabbitmqUrl, { noDelay: true })
  const channel = await connection.createChannel()
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  await channel.prefetch(prefetch)
  const pool = new pg.Pool({ connectionString: options.databaseUrl, max: inserts })
  let buffer: ConsumeMessage[] = []
  let running = 0
  let timer: NodeJS.Timeout | undefined

  const onMessage = (message: ConsumeMessage | null): void => {
    if (!message) return
    buffer.push(message)
    if (buffer.length >= batchSize) flush()
    else timer ??= setTimeout(flush, lingerMs)
  }
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (running >= inserts || buffer.length === 0) return
    const batch = buffer.slice(0, batchSize)
    buffer = buffer.slice(batchSize)
    running++
    void store(batch).finally(() => {
      running--
      flush()
    })
  }
  const store = async (batch: readonly ConsumeMessage[]): Promise<void> => {
    const rows = batch.map(toRow)
    const [only] = rows
    if (batchSize === 1 && only) await insertOne(pool, tenantId, only)
    else await insertMany(pool, tenantId, rows)
    for (const message of batch) channel.ack(message)
  }

  return {
    preload: (count) => backlog.fill([queue], count),
    start: async () => void (await channel.consume(queue, onMessage, { consumerTag })),
    async stop() {
      await channel.cancel(consumerTag)
      while (running > 0 || buffer.length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    async close() {
      await channel.deleteQueue(queue)
      await Promise.all([connection.close(), backlog.close(), pool.end()])
    },
  }
}

function toRow({ content, properties }: ConsumeMessage): NewRow {
  return {
    id: String(properties.messageId),
    type: String(properties.type),
    data: JSON.parse(content.toString()),
    createdAtMs: Number(properties.headers?.created_at_ms),
  }
}
