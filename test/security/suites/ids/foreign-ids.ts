/** Ids that are not the caller's to use: for each place of a path, and of a query. */
import { randomUUID } from 'node:crypto'
import { type Operation, placesOf } from '../../document/operations.ts'
import { fillPlaces } from '../../stage/places.ts'
import type { Stage } from '../../stage/stage.ts'

type Values = Readonly<Record<string, string>>

/** One place of an operation with the ids to try there. */
export interface IdPlace {
  readonly name: string
  readonly in: 'path' | 'query'
  /** The path's parameters with this id, and with those of the others that belong to it. */
  readonly own: Values
  readonly other: Values
  readonly deleted: Values
  /** Another one each time. */
  random(): Values
  malformed(text: string): Values
}

export const malformedIds = [
  'x',
  '0',
  '-1',
  'null',
  'undefined',
  '*',
  '%',
  "'",
  '..',
  '00000000-0000-0000-0000-00000000000',
  '{}',
  '💥',
  'a'.repeat(300),
  '0x1',
  '1e3',
  ' ',
]

/** Names that several tenants may use, and those of the platform, which are nobody's. */
const shared: ReadonlySet<string> = new Set(['secrets', 'machines'])

/**
 * Shape: the tenant is tried alone, with all else as it belongs to that tenant; each inner id is tried in the caller's own tenant.
 */
export function idPlaces(stage: Stage, operation: Operation): readonly IdPlace[] {
  const { own, other, deleted } = stage
  const [mine, theirs, gone] = [own, other, deleted].map((tenant) => fillPlaces(stage, operation, tenant)) as [Values, Values, Values]
  const inPath = placesOf(operation)
    .filter(({ collection }) => !shared.has(collection))
    .map(({ name, collection }): IdPlace => {
      // Another tenant's path as a whole; an inner id in a path that is otherwise the caller's.
      const isTenant = collection === 'tenants'
      return {
        ...{ name, in: 'path', own: mine },
        other: isTenant ? theirs : { ...mine, [name]: theirs[name] ?? '' },
        deleted: isTenant ? gone : { ...mine, [name]: gone[name] ?? '' },
        random: () => ({ ...mine, [name]: randomUUID() }),
        malformed: (text) => ({ ...mine, [name]: text }),
      }
    })
  const inQuery = operation.parameters.filter(({ in: place, name }) => place === 'query' && name === 'tenant_id')
  return [
    ...inPath,
    ...inQuery.map(
      ({ name }): IdPlace => ({
        ...{ name, in: 'query' },
        ...{ own: { [name]: own.id }, other: { [name]: other.id }, deleted: { [name]: deleted.id } },
        random: () => ({ [name]: randomUUID() }),
        malformed: (text) => ({ [name]: text }),
      }),
    ),
  ]
}
