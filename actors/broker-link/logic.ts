/** The broker link with its shells: the connection itself. */
import { fromCallback, fromPromise } from 'xstate'
import type { ActorPorts } from '../ports.ts'
import { brokerLinkMachine } from './machine.ts'

export function createBrokerLinkLogic({ broker, log }: Pick<ActorPorts, 'broker' | 'log'>) {
  return brokerLinkMachine.provide({
    actors: {
      connect: fromPromise(({ signal }) => broker.connect(signal)),
      watchBroker: fromCallback(({ sendBack }) => broker.subscribe(sendBack)),
    },
    actions: {
      logUp: () => log.info('the broker is connected', { broker: broker.kind }),
      logDown: ({ context }) =>
        log.warn('the broker is away; trying again', { broker: broker.kind, attempt: context.attempt, reason: context.reason }),
    },
  })
}
