/** The worker machine with its shell: the delivery loop, and the mailbox that wakes it. */
import { type AnyActorRef, type CallbackActorLogic, fromCallback } from 'xstate'
import { errorText } from '../../src/core/errors.ts'
import type { TenantId } from '../../src/core/ids.ts'
import type { Session } from '../tenant/session.ts'
import type { Sessions } from '../tenant/sessions.ts'
import { workerMachine } from './machine.ts'
import { type DeliveryLoopServices, type LoopControl, runDeliveryLoop } from './process-delivery.ts'

export type DeliveryLoopLogic = CallbackActorLogic<{ type: 'loop.finish' }, { tenantId: TenantId; worker: number }>

export function createWorkerLogic(sessions: Sessions, services: DeliveryLoopServices) {
  const waiting = new WeakMap<AnyActorRef, () => void>()
  // A worker belongs to the attachment it began in: one that outlives it (XState stops no children of an actor that
  // errors) must not work for the next.
  const own = new WeakMap<AnyActorRef, Session>()

  const deliveryLoop: DeliveryLoopLogic = fromCallback(({ input, sendBack, receive }) => {
    const control: LoopControl = { worker: input.worker, finishing: false }
    receive(() => {
      control.finishing = true
    })
    const session = sessions.find(input.tenantId)
    if (session) {
      runDeliveryLoop(session, control, services).then(
        () => sendBack({ type: 'loop.emptied' }),
        (thrown: unknown) => sendBack({ type: 'loop.crashed', reason: errorText(thrown) }),
      )
    } else sendBack({ type: 'loop.emptied' })
    return () => {
      control.finishing = true
    }
  })

  return workerMachine.provide({
    actors: { deliveryLoop },
    actions: {
      awaitWork: ({ context, self }) => {
        const session = own.get(self) ?? sessions.find(context.tenantId)
        if (session) own.set(self, session)
        if (session?.hasWork()) self.send({ type: 'mailbox.ready' })
        else if (session) {
          waiting.set(
            self,
            session.mailbox.whenReady(() => self.send({ type: 'mailbox.ready' })),
          )
        }
      },
      stopAwaitingWork: ({ self }) => {
        waiting.get(self)?.()
        waiting.delete(self)
      },
    },
  })
}

export type WorkerLogic = ReturnType<typeof createWorkerLogic>
