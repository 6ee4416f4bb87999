/** The broker link with its shells: the connection itself. */
import { fromCallback, fromPromise } from 'xstate'
import type { ActorPorts } from '../ports.ts'
import { brokerLinkMachine } from './machine.ts'

/** The first times, then ever more rarely: an outage of an hour is no flood of lines. */
const isWorthTelling = (attempt: number): boolean => Number.isInteger(Math.log2(Math.max(1, attempt)))

export function createBrokerLinkLogic({ broker, log }: Pick<ActorPorts, 'broker' | 'log'>, onUp: () => void) {
  return brokerLinkMachine.provide({
    actors: {
      connect: fromPromise(({ signal }) => broker.connect(signal)),
      watchBroker: fromCallback(({ sendBack }) => broker.subscribe(sendBack)),
    },
    actions: {
      logUp: () => {
        onUp()
        log.info('the broker is connected', { broker: broker.kind })
      },
      logDown: ({ context: { attempt, reason } }) => {
        if (isWorthTelling(attempt)) log.warn('the broker is away; trying again', { broker: broker.kind, attempt, reason })
      },
    },
  })
}
