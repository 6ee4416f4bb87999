/** Which other nodes are alive, asked of the database at most once a second. */
import { toError } from '../core/errors.ts'
import type { Nodes } from '../core/ports/tenant-store.ts'
import { within } from '../core/within.ts'

export interface Roster {
  /** Their ids; those known last when the database does not answer within `limitMs`. Never rejects. */
  others(limitMs: number): Promise<readonly string[]>
}

export interface RosterOptions {
  readonly nodes: Pick<Nodes, 'alive'>
  readonly nodeId: string
  readonly onError: (error: Error) => void
}

const keepMs = 1_000

export function createRoster({ nodes, nodeId, onError }: RosterOptions): Roster {
  let known: readonly string[] = []
  let readAtMs = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined

  async function read(): Promise<void> {
    try {
      known = (await nodes.alive()).map(({ node }) => node).filter((node) => node !== nodeId)
    } catch (error) {
      onError(toError(error))
    }
    readAtMs = performance.now()
    reading = undefined
  }

  return {
    async others(limitMs) {
      if (performance.now() - readAtMs < keepMs) return known
      reading ??= read()
      await within(reading, limitMs, () => undefined)
      return known
    },
  }
}
