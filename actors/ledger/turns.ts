/** A queue in which owners take turns: a batch takes about as much of each, in runs that are worth a visit. */

export interface Turns<Entry> {
  add(entry: Entry): void
  /** At most `count` entries, in order for each owner. */
  take(count: number): Entry[]
  /** Returns entries that were taken; each owner's are in their first order again. */
  putBack(entries: readonly Entry[]): void
  readonly size: number
}

/** Numbered when it is added, so that what is put back, in whatever order, finds its place again. */
export interface Numbered {
  sequence?: number
}

interface Line<Entry> {
  entries: Entry[]
  head: number
}

/**
 * A batch that touches one partition per row costs the database twice as much as one that touches few: however many
 * owners wait, a batch is shared by about this many of those that have more than their turn.
 */
const ownersPerBatch = 12

export function createTurns<Owner, Entry extends Numbered>(ownerOf: (entry: Entry) => Owner): Turns<Entry> {
  // A Map keeps the order of insertion: the first line is the one whose turn it is.
  const lines = new Map<Owner, Line<Entry>>()
  let size = 0
  let last = 0

  const add = (entry: Entry): void => {
    entry.sequence = ++last
    const owner = ownerOf(entry)
    const line = lines.get(owner)
    if (line) line.entries.push(entry)
    else lines.set(owner, { entries: [entry], head: 0 })
    size++
  }

  return {
    add,
    take(count) {
      const batch: Entry[] = []
      const share = Math.ceil(Math.max(count / ownersPerBatch, count / Math.max(1, lines.size)))
      for (const [owner, line] of lines) {
        if (batch.length === count) break
        const until = Math.min(line.entries.length, line.head + Math.min(share, count - batch.length))
        for (let index = line.head; index < until; index++) batch.push(line.entries[index] as Entry)
        line.head = until
        lines.delete(owner)
        // Whoever has more goes to the end of the row, and has another turn when all have had theirs.
        if (line.head < line.entries.length) lines.set(owner, compact(line))
      }
      size -= batch.length
      return batch
    },
    putBack(entries) {
      const byOwner = new Map<Owner, Entry[]>()
      for (const entry of entries) {
        const owner = ownerOf(entry)
        const own = byOwner.get(owner)
        if (own) own.push(entry)
        else byOwner.set(owner, [entry])
      }
      for (const [owner, own] of byOwner) {
        const line = lines.get(owner)
        const rest = line ? line.entries.slice(line.head) : []
        lines.set(owner, { entries: [...own, ...rest].sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0)), head: 0 })
      }
      size += entries.length
    },
    get size() {
      return size
    },
  }
}

function compact<Entry>(line: Line<Entry>): Line<Entry> {
  return line.head < 1024 ? line : { entries: line.entries.slice(line.head), head: 0 }
}
