/** Publishes to queues: calls for one queue that arrive while an insert is under way share the next one. */
import type { JobInsert } from 'pg-boss'
import { AppError } from '../../core/errors.ts'
import { isDataError, isOutcomeUnknown, missingQueue, notConnected, toBrokerError } from './errors.ts'
import type { DeadLetterData, JobData } from './job.ts'

export type NewJob = JobInsert<JobData | DeadLetterData>

export interface Publisher {
  /** Resolves when the insert that holds these jobs, all of them or none, has committed. Rejects with AppError. */
  send(queue: string, jobs: NewJob[]): Promise<void>
  /** Every call that waits rejects; those whose insert is under way end with it. Later calls reject. */
  abandon(reason: string): void
}

export interface PublisherOptions {
  readonly timeoutMs: number
  /** Inserts in one statement; returns how many rows went in. */
  readonly insert: (queue: string, jobs: NewJob[]) => Promise<number>
  /** Called after each commit. */
  readonly onCommitted: (queue: string) => void
}

interface Entry {
  readonly jobs: NewJob[]
  sent: boolean
  settle(error?: AppError): void
}

// A statement's jobs: enough to make the round trip cheap, few enough to keep one statement short.
const maxJobsPerInsert = 1_000

export function createPublisher(options: PublisherOptions): Publisher {
  const lanes = new Map<string, Entry[]>()
  let abandoned: string | undefined

  async function drain(queue: string, lane: Entry[]): Promise<void> {
    while (lane.length > 0) {
      const group = takeGroup(lane)
      for (const entry of group) entry.sent = true
      await insertGroup(queue, group)
    }
    lanes.delete(queue)
  }

  async function insertGroup(queue: string, group: Entry[]): Promise<void> {
    try {
      const jobs = group.flatMap((entry) => entry.jobs)
      // The insert joins the queue's row, so a queue that another node has deleted takes nothing and reports no error.
      if ((await options.insert(queue, jobs)) < jobs.length) throw missingQueue(queue)
      options.onCommitted(queue)
      for (const entry of group) entry.settle()
    } catch (error) {
      // One entry's data failed them all: each gets its own statement and its own answer.
      if (isDataError(error) && group.length > 1) for (const entry of group) await insertGroup(queue, [entry])
      else for (const entry of group) entry.settle(isOutcomeUnknown(error) ? lostUnderWay(error) : toBrokerError(error, queue))
    }
  }

  return {
    send(queue, jobs) {
      if (abandoned !== undefined) return Promise.reject(notConnected(abandoned))
      return new Promise((resolve, reject) => {
        const entry: Entry = {
          jobs,
          sent: false,
          settle(error) {
            clearTimeout(timer)
            if (error) reject(error)
            else resolve()
          },
        }
        const timer = setTimeout(() => {
          const lane = lanes.get(queue)
          if (!entry.sent && lane?.includes(entry)) lane.splice(lane.indexOf(entry), 1)
          entry.settle(entry.sent ? unknownOutcome(options.timeoutMs) : notSent(options.timeoutMs))
        }, options.timeoutMs)
        const lane = lanes.get(queue)
        if (lane) lane.push(entry)
        else openLane(queue, entry)
      })
    },
    abandon(reason) {
      abandoned = reason
      for (const lane of lanes.values()) for (const entry of lane.splice(0)) entry.settle(notConnected(reason))
    },
  }

  function openLane(queue: string, entry: Entry): void {
    const lane = [entry]
    lanes.set(queue, lane)
    // Whatever is published in this turn of the event loop goes in the same insert.
    setImmediate(() => void drain(queue, lane))
  }
}

function takeGroup(lane: Entry[]): Entry[] {
  let jobs = 0
  let size = 0
  for (const entry of lane) {
    if (size > 0 && jobs + entry.jobs.length > maxJobsPerInsert) break
    jobs += entry.jobs.length
    size++
  }
  return lane.splice(0, size)
}

const lostUnderWay = (cause: unknown): AppError =>
  new AppError('broker.unknown_outcome', 'the connection to the queue database was lost before it had confirmed', {
    retryable: true,
    scope: 'message',
    cause,
  })

const unknownOutcome = (timeoutMs: number): AppError =>
  new AppError('broker.unknown_outcome', `no confirm from the queue database within ${timeoutMs} ms`, { retryable: true, scope: 'message' })

const notSent = (timeoutMs: number): AppError =>
  new AppError('broker.unavailable', `the queue database was busy for ${timeoutMs} ms; the message was not sent`, {
    retryable: true,
    scope: 'connection',
  })
