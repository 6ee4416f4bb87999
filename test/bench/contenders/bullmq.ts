/** BullMQ on Redis: 20 jobs in flight, an INSERT for each. */
import { Queue, Worker } from 'bullmq'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { messageData, messageType } from '../support/message.ts'
import type { CreateContender } from './contender.ts'
import { insertOne } from './insert.ts'

const concurrency = 20
const bulk = 1000

interface JobData {
  readonly id: string
  readonly createdAtMs: number
  readonly data: unknown
}

export const createBullmq: CreateContender = async ({ tenantId, databaseUrl, redisUrl }) => {
  const name = `bench-${tenantId}`
  const connection = { url: redisUrl ?? '' }
  const pool = new pg.Pool({ connectionString: databaseUrl, max: concurrency })
  const queue = new Queue<JobData>(name, { connection, defaultJobOptions: { removeOnComplete: true } })
  const worker = new Worker<JobData>(name, async ({ data, name: type }) => insertOne(pool, tenantId, { ...data, type }), {
    connection,
    concurrency,
    autorun: false,
  })
  queue.on('error', (error) => console.error(String(error)))
  worker.on('error', (error) => console.error(String(error)))
  await queue.waitUntilReady()
  let begun = false

  return {
    async preload(count) {
      for (let sent = 0; sent < count; sent += bulk) {
        await queue.addBulk(
          Array.from({ length: Math.min(bulk, count - sent) }, () => ({
            name: messageType,
            data: { id: uuidv7(), createdAtMs: Date.now(), data: messageData },
          })),
        )
      }
    },
    async start() {
      if (begun) return worker.resume()
      begun = true
      void worker.run()
    },
    stop: () => worker.pause(),
    async close() {
      await worker.close()
      await queue.obliterate({ force: true })
      await Promise.all([queue.close(), pool.end()])
    },
  }
}
