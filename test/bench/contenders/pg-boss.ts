/** pg-boss on the same PostgreSQL: fetch 200, one INSERT, complete; several such loops at once. */
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { v7 as uuidv7 } from 'uuid'
import { messageData, messageType } from '../support/message.ts'
import type { CreateContender } from './contender.ts'
import { insertMany } from './insert.ts'

const batchSize = 200
const bulk = 1000

interface JobData {
  readonly createdAtMs: number
  readonly data: unknown
}

const createPgBoss =
  (loops: number): CreateContender =>
  async ({ tenantId, databaseUrl }) => {
    const name = `bench-${tenantId}`
    const pool = new pg.Pool({ connectionString: databaseUrl, max: loops })
    const boss = new PgBoss({ connectionString: databaseUrl, schema: `bench_boss_${loops}`, schedule: false })
    boss.on('error', (error) => console.error(error))
    await boss.start()
    await boss.createQueue(name)
    let taking = false
    let running: Promise<unknown> = Promise.resolve()

    const loop = async (): Promise<void> => {
      while (taking) {
        const jobs = await boss.fetch<JobData>(name, { batchSize })
        if (jobs.length === 0) {
          await new Promise((resolve) => setTimeout(resolve, 20))
          continue
        }
        await insertMany(
          pool,
          tenantId,
          jobs.map(({ id, data }) => ({ id, type: messageType, ...data })),
        )
        await boss.complete(
          name,
          jobs.map(({ id }) => id),
        )
      }
    }

    return {
      async preload(count) {
        for (let sent = 0; sent < count; sent += bulk) {
          await boss.insert(
            name,
            Array.from({ length: Math.min(bulk, count - sent) }, () => ({
              id: uuidv7(),
              data: { createdAtMs: Date.now(), data: messageData },
            })),
          )
        }
      },
      async start() {
        taking = true
        running = Promise.all(Array.from({ length: loops }, loop))
      },
      async stop() {
        taking = false
        await running
        // Their completed jobs would slow later rounds down: the others' queues are empty then, too.
        await boss.deleteAllJobs(name)
      },
      async close() {
        await boss.stop({ graceful: false })
        await pool.end()
      },
    }
  }

/** One loop, as in the library's examples. */
export const createPgBossLoop = createPgBoss(1)

/** Four loops at once. */
export const createPgBossLoops = createPgBoss(4)
