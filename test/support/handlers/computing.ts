/** The same handlers with and without a thread, to be compared. */
import { defineHandler, type HandlerDefinition } from 'tenantry'

const both = (type: string, handle: () => void | Promise<void>): readonly HandlerDefinition[] =>
  (['none', 'thread'] as const).map((isolation) => defineHandler({ type: `${type}, ${isolation}`, isolation, handle }))

export const nothing = both('nothing', () => {})

export const computing = both('computes for 1 ms', () => {
  const endsAt = performance.now() + 1
  while (performance.now() < endsAt);
})

export const waiting = both('waits for 5 ms', () => new Promise((resolve) => setTimeout(resolve, 5)))
