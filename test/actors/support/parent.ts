/** A parent that keeps what its child reports. */
import { type ActorRef, createActor, type EventObject, fromTransition, type Snapshot } from 'xstate'

export interface Parent<Event extends EventObject> {
  readonly ref: ActorRef<Snapshot<unknown>, Event>
  readonly reports: Event[]
}

export function createParent<Event extends EventObject>(): Parent<Event> {
  const reports: Event[] = []
  const logic = fromTransition((state: null, event: Event) => {
    reports.push(event)
    return state
  }, null)
  return { ref: createActor(logic).start() as unknown as ActorRef<Snapshot<unknown>, Event>, reports }
}
