/** The reconciler with its shells: the tenant store and the hints of other nodes. */
import { fromCallback, fromPromise } from 'xstate'
import { errorText } from '../../src/core/errors.ts'
import type { ActorPorts } from '../ports.ts'
import { type Reading, reconcilerMachine } from './machine.ts'

export function createReconcilerLogic({ tenants, hints, log }: Pick<ActorPorts, 'tenants' | 'hints' | 'log'>) {
  return reconcilerMachine.provide({
    actors: {
      watchHints: fromCallback(({ sendBack }) => hints.subscribe((tenantId) => sendBack({ type: 'hint.received', tenantId }))),
      readDesired: fromPromise(async ({ input }): Promise<Reading> => {
        if (input.all) return { kind: 'all', tenants: await tenants.desired() }
        const found = await Promise.all(input.hinted.map((id) => tenants.desiredOf(id)))
        const present = found.filter((tenant) => tenant !== undefined)
        const missing = input.hinted.filter((_, index) => found[index] === undefined)
        return { kind: 'some', tenants: present, missing }
      }),
    },
    actions: {
      logFailure: ({ event }) =>
        log.warn('desired state could not be read; trying again', { reason: 'error' in event ? errorText(event.error) : 'unknown' }),
    },
  })
}
