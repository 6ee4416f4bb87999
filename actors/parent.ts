/** How a child reaches its parent: a typed reference given by input, rather than any actor that happens to be there. */
import type { ActorRef, EventObject, Snapshot } from 'xstate'

export type ParentRef<Event extends EventObject> = ActorRef<Snapshot<unknown>, Event>
