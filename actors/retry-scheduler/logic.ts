/** The retry scheduler with its shells: the stores of failed and scheduled messages, and the broker. */
import { fromCallback, fromPromise } from 'xstate'
import type { ActorPorts } from '../ports.ts'
import type { Sessions } from '../tenant/sessions.ts'
import { type Claimed, retrySchedulerMachine } from './machine.ts'
import { type Claims, type RepublishRounds, republish } from './republish.ts'
import { createTrouble } from './trouble.ts'

const batchSize = 500
/** A claim that nobody has settled by then is due again: its node is dead, or far too slow. */
const leaseMs = 30_000

const nothing: Claims = { retries: [], schedules: [], claimedAtMs: 0 }

/** `tell` passes on when something is due: this node's ledger calls it, and what other nodes say comes by the due hints. */
export function createRetryScheduler(ports: ActorPorts, sessions: Sessions) {
  let wake: ((atMs: number) => void) | undefined
  // What was claimed and not yet republished: messages have bodies, so they never pass through the machine.
  let hand: Claims = nothing
  const rounds: RepublishRounds = {
    configOf: (tenantId) => sessions.find(tenantId)?.config ?? {},
    trouble: createTrouble((atMs) => wake?.(atMs)),
    late: 0,
  }

  const claim = async (signal: AbortSignal): Promise<Claimed> => {
    const lookedAtMs = Date.now()
    const claimedAtMs = performance.now()
    const [retries, schedules] = await Promise.all([
      ports.failures.claimDue({ limit: batchSize, maxInQueue: ports.policy.retry.maxInQueue, leaseMs }),
      ports.schedules.claimDue(batchSize, leaseMs),
    ])
    const found = { retries: retries.claimed, schedules: schedules.claimed, claimedAtMs }
    // Nobody waits for it any more: another look, or another node, takes it before its lease ends.
    if (signal.aborted) await Promise.all([ports.failures.giveBack(found.retries, 0), ports.schedules.giveBack(found.schedules, 0)])
    else hand = found
    const nextDueInMs = Math.min(retries.nextDueInMs ?? Number.POSITIVE_INFINITY, schedules.nextDueInMs ?? Number.POSITIVE_INFINITY)
    const oldestDueMs = Math.max(retries.oldestDueMs ?? 0, schedules.oldestDueMs ?? 0)
    return {
      count: retries.claimed.length + schedules.claimed.length,
      more: retries.more || schedules.more,
      tookMs: performance.now() - claimedAtMs,
      nextDueAtMs: nextDueInMs === Number.POSITIVE_INFINITY ? undefined : lookedAtMs + nextDueInMs,
      dueSinceMs: oldestDueMs > 0 ? lookedAtMs - oldestDueMs : undefined,
    }
  }

  const logic = retrySchedulerMachine.provide({
    actors: {
      watchDue: fromCallback(({ sendBack }) => {
        wake = (atMs) => sendBack({ type: 'retry.due', atMs })
        const unsubscribe = ports.dueHints.subscribe(wake)
        return () => {
          unsubscribe()
          wake = undefined
        }
      }),
      claim: fromPromise(({ signal }) => claim(signal)),
      republish: fromPromise(({ signal }) => {
        const claims = hand
        hand = nothing
        return republish(claims, ports, rounds, signal)
      }),
    },
    actions: {
      logFailure: ({ context }) =>
        ports.log.warn('due messages could not be looked for; trying again', { attempt: context.attempt, reason: context.reason }),
    },
  })
  return { logic, tell: (atMs: number) => wake?.(atMs) }
}

export type RetrySchedulerLogic = ReturnType<typeof createRetryScheduler>['logic']
