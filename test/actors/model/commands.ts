/** What may happen to an installation, as values that fast-check makes and shrinks. */
import fc from 'fast-check'
import { type MessageType, messageTypes } from './memory-handlers.ts'

/** `slot` is one of a few places for a tenant; `pick` one of the messages so far. */
export type Command =
  | { readonly do: 'publish'; readonly slot: number; readonly type: MessageType; readonly count: number }
  | { readonly do: 'publish again'; readonly pick: number }
  | { readonly do: 'schedule'; readonly slot: number; readonly type: MessageType; readonly inMs: number }
  | { readonly do: 'cancel'; readonly pick: number }
  | { readonly do: 'retry by hand'; readonly slot: number }
  | { readonly do: 'discard'; readonly pick: number }
  | { readonly do: 'resize'; readonly slot: number; readonly workers: number; readonly hint: boolean }
  | { readonly do: 'set'; readonly slot: number; readonly status: 'active' | 'paused' | 'drained'; readonly hint: boolean }
  | { readonly do: 'restart' | 'delete' | 'drop'; readonly slot: number; readonly hint: boolean }
  | { readonly do: 'lose channels'; readonly slot: number }
  | { readonly do: 'put undecodable'; readonly slot: number }
  | { readonly do: 'broker' | 'gateway'; readonly up: boolean }
  | { readonly do: 'database'; readonly up: boolean; readonly node: number }
  | { readonly do: 'fail calls'; readonly to: 'broker' | 'database'; readonly node: number; readonly how: readonly ('before' | 'after')[] }
  | { readonly do: 'kill' | 'replace'; readonly node: number }
  | { readonly do: 'let pass'; readonly ms: number }

const slotCount = 3

const slot = fc.nat({ max: slotCount - 1 })
const pick = fc.nat({ max: 1_000 })
const hint = fc.boolean()
const node = fc.nat({ max: 1 })
const up = fc.constantFrom(true, true, false)
const type = fc.constantFrom(...messageTypes)
const is = <Name extends string>(name: Name): fc.Arbitrary<Name> => fc.constant(name)

export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ do: is('publish'), slot, type, count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ do: is('publish again'), pick }) },
  { weight: 3, arbitrary: fc.record({ do: is('schedule'), slot, type, inMs: fc.integer({ min: 1, max: 5_000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: is('cancel'), pick }) },
  { weight: 2, arbitrary: fc.record({ do: is('retry by hand'), slot }) },
  { weight: 2, arbitrary: fc.record({ do: is('discard'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: is('resize'), slot, workers: fc.integer({ min: 1, max: 4 }), hint }) },
  { weight: 3, arbitrary: fc.record({ do: is('set'), slot, status: fc.constantFrom('active', 'active', 'paused', 'drained'), hint }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart', 'delete', 'drop'), slot, hint }) },
  { weight: 2, arbitrary: fc.record({ do: is('lose channels'), slot }) },
  { weight: 1, arbitrary: fc.record({ do: is('put undecodable'), slot }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('broker', 'gateway'), up }) },
  { weight: 2, arbitrary: fc.record({ do: is('database'), up, node }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('fail calls'),
      to: fc.constantFrom('broker', 'database'),
      node,
      how: fc.array(fc.constantFrom('before', 'after'), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kill', 'replace'), node }) },
  { weight: 12, arbitrary: fc.record({ do: is('let pass'), ms: fc.constantFrom(0, 1, 5, 30, 200, 1_000, 10_000) }) },
)
