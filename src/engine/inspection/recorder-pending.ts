/** The events that an actor has been sent and has not answered with a snapshot: the first is the one on which it crashes, when it does. */
import type { AnyEventObject } from 'xstate'

export interface Pending {
  first: AnyEventObject | undefined
  rest: AnyEventObject[] | undefined
}

export function pushPending(pending: Pending, event: AnyEventObject): void {
  if (pending.first === undefined) pending.first = event
  else if (pending.rest) pending.rest.push(event)
  else pending.rest = [event]
}

/** The event has led to a snapshot. Mostly it is the first; what comes before an actor's start waits for that. */
export function takePending(pending: Pending, event: AnyEventObject): void {
  const { rest } = pending
  if (pending.first === event) {
    pending.first = rest?.shift()
    if (rest?.length === 0) pending.rest = undefined
    return
  }
  const index = rest?.indexOf(event) ?? -1
  if (index >= 0) rest?.splice(index, 1)
}

export function clearPending(pending: Pending): void {
  pending.first = undefined
  pending.rest = undefined
}
