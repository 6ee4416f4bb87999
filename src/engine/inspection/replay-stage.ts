/** Where a record is played: a machine whose actions are not carried out, whose children do nothing, and whose clock stands still. */
import { type AnyActorRef, type AnyActorScope, type AnyEventObject, type AnyMachineSnapshot, createActor, fromCallback } from 'xstate'
import { machines } from '../../../actors/index.ts'
import { AppError } from '../../core/errors.ts'
import type { FlightSnapshot } from '../../core/ports/inspection.ts'

export interface Stage {
  start(base: FlightSnapshot): AnyMachineSnapshot
  /** The snapshot after the event. `recorded` says when it was taken, and what it had led to. */
  step(snapshot: AnyMachineSnapshot, event: AnyEventObject, recorded: { readonly atMs: number; readonly state: string }): AnyMachineSnapshot
  /** The machine has asked for what it does not know itself. */
  readonly hasAskedOutside: boolean
}

/** More steps at once than any machine makes: a record that was tampered with must not go round for ever. */
const maxIterations = 1_000

/** Errors: AppError `config.invalid` when there is no such machine; `start` and `step` throw what the machine throws. */
export function createStage(name: string): Stage {
  const machine = machines.find(({ id }) => id === name)
  if (!machine) throw new AppError('config.invalid', `there is no machine ${name}`)
  const idle = fromCallback(() => {})
  const recorded = { stalled: false }
  let hasAskedOutside = false
  const stalled = (): boolean => {
    hasAskedOutside = true
    return recorded.stalled
  }
  const played = machine.provide({
    actors: Object.fromEntries(Object.keys(machine.implementations.actors).map((src) => [src, idle])),
    guards: 'ledgerStalled' in machine.implementations.guards ? { ledgerStalled: stalled } : {},
  })
  played.options.maxIterations = maxIterations

  const self: AnyActorRef = createActor(idle, { id: name })
  const nothing = (): void => {}
  const scope: AnyActorScope = {
    self,
    id: self.id,
    sessionId: self.sessionId,
    system: self.system,
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: nothing,
  }

  return {
    start: ({ value, context, status, children }) => ({
      ...played.resolveState({ value, context, status } as Parameters<typeof played.resolveState>[0]),
      children: Object.fromEntries(children.map(({ id, src }) => [id, standIn(id, src)])),
    }),
    step(snapshot, event, { atMs, state }) {
      recorded.stalled = state === 'stalled'
      // Some actions look at the actor's own children.
      self.getSnapshot = () => snapshot
      return atTime(atMs, () => played.transition(snapshot, event, scope))
    },
    get hasAskedOutside() {
      return hasAskedOutside
    },
  }
}

/** An actor that hears nothing and says nothing. */
export const standIn = (id: string, src: string): AnyActorRef =>
  ({
    id,
    src,
    sessionId: id,
    send: () => {},
    getSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
  }) as unknown as AnyActorRef

/** The machines ask the clock and the dice themselves. */
function atTime<T>(ms: number, work: () => T): T {
  const { now } = Date
  const { random } = Math
  Date.now = () => ms
  Math.random = () => 0.5
  try {
    return work()
  } finally {
    Date.now = now
    Math.random = random
  }
}
