/** Receives the dead letters of one tenant: few at a time, each removed when its owner has stored it. */
import { errorText } from '../../core/errors.ts'
import { type TenantId, tenantDeadLetterQueueName } from '../../core/ids.ts'
import type { DeadLetterOptions } from '../../core/ports/broker.ts'
import type { ConsumerParts } from './consumer.ts'
import type { PulledConsumer } from './consumer-registry.ts'
import { toDeadLetter } from './dead-letter.ts'
import { settledWithin } from './deadline.ts'
import type { ClaimedJob } from './queue-io.ts'

interface Held {
  readonly job: ClaimedJob
  touchedAtMs: number
  /** Runs while it waits to be given back. */
  pause: NodeJS.Timeout | undefined
}

const maxHeld = 10
/** How long close() waits for letters that are being stored. */
const storingDeadlineMs = 5_000
const firstPauseMs = 1_000
const longestPauseMs = 5_000

export function createDeadLetters(tenantId: TenantId, options: DeadLetterOptions, parts: ConsumerParts): PulledConsumer {
  const { io, log } = parts
  const queue = tenantDeadLetterQueueName(tenantId)
  const held = new Set<Held>()
  const storing = new Set<Promise<void>>()
  let phase: 'open' | 'closing' | 'ended' = 'open'
  let failuresInARow = 0
  // True when the queue may hold more than the last claim showed.
  let mayHaveMore = false
  let pulling: Promise<void> | undefined
  let closing: Promise<void> | undefined

  const capacity = () => maxHeld - held.size

  const attempt = async (what: string, work: Promise<unknown>) => {
    try {
      await work
    } catch (error) {
      // The claims lapse and the letters are handed out again.
      log('warn', `a queue statement failed: ${what}`, { queue, reason: errorText(error) })
    }
  }

  function refill(): void {
    if (phase !== 'open' || !mayHaveMore || pulling !== undefined || capacity() === 0) return
    pulling = pull().finally(() => {
      pulling = undefined
      refill()
    })
  }

  async function pull(): Promise<void> {
    mayHaveMore = false
    const wanted = capacity()
    try {
      const jobs = await io.claim(queue, wanted)
      if (jobs.length === wanted) mayHaveMore = true
      if (phase === 'closing') await io.release(queue, jobs)
      if (phase === 'open') for (const job of jobs) receive(job)
    } catch (error) {
      // The next scan wakes this consumer if there is anything to claim.
      log('warn', 'claiming dead letters failed', { queue, reason: errorText(error) })
    }
  }

  function receive(job: ClaimedJob): void {
    const letter: Held = { job, touchedAtMs: Date.now(), pause: undefined }
    held.add(letter)
    const stored = store(letter).finally(() => storing.delete(stored))
    storing.add(stored)
  }

  async function store(letter: Held): Promise<void> {
    try {
      await options.onDeadLetter(toDeadLetter(tenantId, letter.job))
    } catch {
      if (phase === 'open') return giveBackLater(letter)
      return
    }
    failuresInARow = 0
    if (!held.delete(letter)) return
    await attempt('remove a dead letter', io.remove(queue, [letter.job]))
    refill()
  }

  function giveBackLater(letter: Held): void {
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** failuresInARow++)
    letter.pause = setTimeout(async () => {
      if (!held.delete(letter)) return
      await attempt('give a dead letter back', io.release(queue, [letter.job]))
      consumer.wake()
    }, pauseMs).unref()
  }

  async function end(): Promise<void> {
    if (phase === 'ended') return
    phase = 'closing'
    await pulling
    await settledWithin(Promise.all(storing), storingDeadlineMs)
    const unsettled = [...held]
    finish()
    if (unsettled.length > 0) {
      const claims = unsettled.map(({ job }) => job)
      await attempt('give dead letters back', io.release(queue, claims))
    }
  }

  function finish(): void {
    if (phase === 'ended') return
    phase = 'ended'
    for (const { pause } of held) clearTimeout(pause)
    held.clear()
    parts.onEnded(consumer)
  }

  const consumer: PulledConsumer = {
    queue,
    get hungry() {
      return phase === 'open' && pulling === undefined && capacity() > 0
    },
    wake() {
      mayHaveMore = true
      refill()
    },
    async touch(ageMs) {
      const now = Date.now()
      const aged = [...held].filter((letter) => now - letter.touchedAtMs >= ageMs)
      if (aged.length === 0) return
      for (const letter of aged) letter.touchedAtMs = now
      const claims = aged.map(({ job }) => job)
      await attempt('touch dead letters', io.touch(queue, claims))
    },
    lose(reason) {
      if (phase === 'ended') return
      // One that is being closed ends silently: its owner asked for it.
      const silent = phase === 'closing'
      finish()
      if (!silent) options.onLost(reason)
    },
    close() {
      closing ??= end()
      return closing
    },
  }
  return consumer
}
