/** A page of a list that is short, and read whole: the own sessions, a tenant's secrets, the machines. */
import type { Reply } from '../answer/send.ts'
import { keyCursors, type ListScope } from '../request/cursor.ts'

export interface WholeList<Item> {
  readonly scope: ListScope
  /** The list is in the order of its keys, so that a cursor keeps its place when its item goes. */
  readonly keyOf: (item: Item, index: number) => string
  readonly newestFirst?: boolean
  readonly toBody: (item: Item) => unknown
}

/** Errors: Refusal naming `cursor`. */
export function replyWholeList<Item>(
  items: readonly Item[],
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
  { scope, keyOf, newestFirst = false, toBody }: WholeList<Item>,
): Reply {
  const sign = newestFirst ? -1 : 1
  const compare = (one: string, other: string): number => (one === other ? 0 : one < other ? -sign : sign)
  const after = cursor === undefined ? undefined : keyCursors.parse(scope, cursor)
  const keyed = items.map((item, index) => ({ item, key: keyOf(item, index) })).sort((one, other) => compare(one.key, other.key))
  const rest = after === undefined ? keyed : keyed.filter(({ key }) => compare(key, after) > 0)
  const page = rest.slice(0, limit)
  const next = rest.length > page.length ? page.at(-1)?.key : undefined
  return { status: 200, body: { data: page.map(({ item }) => toBody(item)), next_cursor: keyCursors.write(scope, next) } }
}
