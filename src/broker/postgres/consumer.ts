/** One consumer of one tenant's queue: claims jobs as capacity allows, hands them out, settles them. */
import { AppError, errorText } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../core/ids.ts'
import type { Delivery } from '../../core/message.ts'
import type { BrokerConsumer, ConsumerOptions } from '../../core/ports/broker.ts'
import { createClaimBatch } from './claim-batch.ts'
import type { PulledConsumer } from './consumer-registry.ts'
import type { Claim, JobData } from './job.ts'
import { compareJobData, readJobData } from './job.ts'
import type { BrokerLog } from './options.ts'
import type { ClaimedJob, QueueIo } from './queue-io.ts'

export interface ConsumerParts {
  readonly io: QueueIo
  readonly log: BrokerLog
  /** Called once when it has ended, however it did. */
  readonly onEnded: (consumer: PulledConsumer) => void
}

interface Held extends Claim {
  touchedAtMs: number
}

interface ClaimedMessage {
  readonly job: ClaimedJob
  readonly data: JobData
}

// Claims in one statement at most; a larger prefetch takes several.
const maxClaim = 500
const refillLaterMs = 4

export function createConsumer(tenantId: TenantId, options: ConsumerOptions, parts: ConsumerParts): BrokerConsumer & PulledConsumer {
  const { io, log } = parts
  const queue = tenantQueueName(tenantId)
  const held = new Map<number, Held>()
  let phase: 'idle' | 'receiving' | 'closing' | 'ended' = 'idle'
  let lastTag = 0
  // True when the queue may hold more than the last claim showed.
  let mayHaveMore = false
  let pulling: Promise<void> | undefined
  let refillLater: NodeJS.Timeout | undefined
  let closing: Promise<void> | undefined

  const capacity = () => options.prefetch - held.size
  // Claiming for each free place would be a statement per message.
  const refillAt = Math.max(1, Math.floor(options.prefetch / 4))

  const attempt = async (what: string, work: Promise<unknown>) => {
    try {
      await work
    } catch (error) {
      // The claims lapse and the messages are delivered again.
      log('warn', `a queue statement failed: ${what}`, { queue, reason: errorText(error) })
    }
  }
  const acks = createClaimBatch({
    async settle(claims) {
      await attempt('acknowledge', io.remove(queue, claims))
      refill(1)
    },
  })
  const requeues = createClaimBatch({
    async settle(claims) {
      await attempt('requeue', io.release(queue, claims))
      consumer.wake()
    },
  })

  function refill(least: number): void {
    if (phase !== 'receiving' || !mayHaveMore || pulling !== undefined || capacity() < least) return
    pulling = pull().finally(() => {
      pulling = undefined
      // A wake-up or free places may have come after the last look. A few places can wait for more of them.
      if (capacity() >= refillAt) refill(refillAt)
      else if (mayHaveMore && capacity() > 0) refillLater ??= setTimeout(refillFew, refillLaterMs)
    })
  }

  function refillFew(): void {
    refillLater = undefined
    refill(1)
  }

  async function pull(): Promise<void> {
    do {
      mayHaveMore = false
      const wanted = Math.min(capacity(), maxClaim)
      try {
        const jobs = await io.claim(queue, wanted)
        if (jobs.length === wanted) mayHaveMore = true
        await receive(jobs)
      } catch (error) {
        // The next scan wakes this consumer if there is anything to claim.
        log('warn', 'claiming messages failed', { queue, reason: errorText(error) })
        return
      }
    } while (phase === 'receiving' && mayHaveMore && capacity() >= refillAt)
  }

  async function receive(jobs: readonly ClaimedJob[]): Promise<void> {
    const messages: ClaimedMessage[] = []
    for (const job of jobs) {
      const read = readJobData(job.data)
      if ('fault' in read) await attempt('bury', bury(job, read.fault))
      else messages.push({ job, data: read.data })
    }
    const claims = messages.map(({ job }) => job)
    if (phase === 'closing' && claims.length > 0) await io.release(queue, claims)
    if (phase === 'closing' || phase === 'ended') return
    // The statement chooses by priority and age, and returns what it chose in any order.
    for (const { job, data } of messages.sort((a, b) => compareJobData(a.data, b.data))) deliver(job, data)
  }

  function deliver(job: ClaimedJob, data: JobData): void {
    const tag = ++lastTag
    held.set(tag, { id: job.id, retryCount: job.retryCount, touchedAtMs: Date.now() })
    const { body, ...rest } = data
    try {
      options.onDelivery({ ...rest, tenantId, redelivered: job.retryCount > 0, tag, text: () => body })
    } catch (error) {
      log('error', 'onDelivery threw; the message stays claimed', { queue, reason: errorText(error) })
    }
  }

  /** A job that is not a message: kept, with the reason, where somebody can look at it. */
  async function bury(job: ClaimedJob, reason: string): Promise<void> {
    log('warn', 'a job that is not a message goes to the dead-letter queue', { queue, reason })
    await io.put(tenantDeadLetterQueueName(tenantId), { reason, raw: job.data })
    await io.remove(queue, [{ id: job.id, retryCount: job.retryCount }])
  }

  function release(delivery: Delivery): Held | undefined {
    const claim = held.get(delivery.tag)
    held.delete(delivery.tag)
    return claim
  }

  async function end(): Promise<void> {
    if (phase === 'ended') return
    phase = 'closing'
    await pulling
    await Promise.all([acks.flush(), requeues.flush()])
    const unsettled = [...held.values()]
    held.clear()
    if (unsettled.length > 0) await attempt('give back', io.release(queue, unsettled))
    finish()
  }

  function finish(): void {
    if (phase === 'ended') return
    phase = 'ended'
    clearTimeout(refillLater)
    parts.onEnded(consumer)
  }

  const consumer: BrokerConsumer & PulledConsumer = {
    queue,
    get hungry() {
      return phase === 'receiving' && pulling === undefined && capacity() > 0
    },
    async start() {
      if (phase === 'closing' || phase === 'ended') {
        throw new AppError('broker.unavailable', 'the consumer has ended', { scope: 'channel', details: { queue } })
      }
      phase = 'receiving'
      consumer.wake()
    },
    async cancel() {
      if (phase === 'receiving') phase = 'idle'
      // What a claim under way brings is delivered before this resolves: it has been taken out of the queue.
      await pulling
      await Promise.all([acks.flush(), requeues.flush()])
    },
    ack(delivery) {
      const claim = release(delivery)
      if (!claim) return
      acks.add(claim)
      refill(refillAt)
    },
    requeue(delivery) {
      const claim = release(delivery)
      if (claim) requeues.add(claim)
    },
    close() {
      closing ??= end()
      return closing
    },
    wake() {
      mayHaveMore = true
      refill(1)
    },
    async touch(ageMs) {
      const now = Date.now()
      const aged = [...held.values()].filter((claim) => now - claim.touchedAtMs >= ageMs)
      if (aged.length === 0) return
      for (const claim of aged) claim.touchedAtMs = now
      await attempt('touch', io.touch(queue, aged))
    },
    lose(reason) {
      if (phase === 'ended') return
      // A consumer that is being closed ends silently: its owner asked for it.
      const silent = phase === 'closing'
      held.clear()
      finish()
      if (!silent) options.onLost(reason)
    },
  }
  return consumer
}
