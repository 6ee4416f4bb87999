/** The machines that live, so that whoever looks in later is shown them too: the server repeats only its last events. */
import type { Inspected } from './stately-event.ts'

/** The first of them are those that everything else is below. */
const maxLiving = 500

export function createLiving() {
  const living = new Map<string, Inspected>()
  return {
    note(event: Inspected): void {
      const { sessionId } = event.actorRef
      if (event.type === '@xstate.actor') {
        if (living.size < maxLiving) living.set(sessionId, event)
      } else if (event.type === '@xstate.snapshot' && Object(event.snapshot).status !== 'active') living.delete(sessionId)
    },
    all: (): readonly Inspected[] => [...living.values()],
  }
}
