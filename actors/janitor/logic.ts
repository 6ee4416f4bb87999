/** The janitor with its shell. */
import { fromPromise } from 'xstate'
import { errorText } from '../../src/core/errors.ts'
import type { ActorPorts } from '../ports.ts'
import type { Sessions } from '../tenant/sessions.ts'
import { recoverLostRetries, removeExpired } from './clean.ts'
import { janitorMachine } from './machine.ts'

export function createJanitorLogic(ports: ActorPorts, sessions: Sessions) {
  let expiredAt = Number.NEGATIVE_INFINITY
  return janitorMachine.provide({
    actors: {
      clean: fromPromise(async ({ signal }) => {
        await recoverLostRetries(ports, (tenantId) => sessions.find(tenantId)?.inFlight ?? 0)
        const now = performance.now()
        if (now - expiredAt < ports.policy.retention.intervalMs) return
        expiredAt = now
        await removeExpired(ports, signal)
      }),
    },
    actions: {
      logFailure: ({ event }) =>
        ports.log.warn('a round of cleaning failed; the next one goes on', {
          reason: 'error' in event ? errorText(event.error) : 'unknown',
        }),
    },
  })
}

export type JanitorLogic = ReturnType<typeof createJanitorLogic>
