/**
 * Decides which acknowledgements to send for deliveries whose outcomes are recorded in any order.
 *
 * One acknowledgement up to the contiguous recorded watermark stands for hundreds; deliveries recorded beyond a gap wait
 * for it, or are acknowledged one by one when they are too many or have waited too long.
 */
export interface AckWatermark {
  /** The outcome of `tag` is recorded. */
  commit(tag: number): void
  /** Makes `tag` one that the broker is told about in another way (requeued, rejected); false when it is settled already. */
  exclude(tag: number): boolean
  /** The highest tag that may be acknowledged with everything below it; undefined when it has not moved. */
  takeUpTo(): number | undefined
  /** Recorded tags beyond the gap when there are at least `threshold`; they count as told from now on. */
  takeStragglers(threshold: number): readonly number[]
  /** How many recorded tags wait beyond the gap. */
  readonly waiting: number
}

/** Shape: tags count from 1 and rise by one with each delivery of the channel. The first word about a tag holds. */
export function createAckWatermark(): AckWatermark {
  let watermark = 0
  let upTo: number | undefined
  const committed = new Set<number>()
  const told = new Set<number>()

  // An acknowledgement must name a tag the broker still holds, so a told one moves the watermark but is never named.
  const advance = (): void => {
    while (committed.size > 0 || told.size > 0) {
      const next = watermark + 1
      if (committed.delete(next)) upTo = next
      else if (!told.delete(next)) return
      watermark = next
    }
  }

  return {
    commit(tag) {
      if (tag <= watermark || told.has(tag)) return
      if (tag === watermark + 1) {
        watermark = tag
        upTo = tag
        advance()
      } else committed.add(tag)
    },
    exclude(tag) {
      if (tag <= watermark || told.has(tag) || committed.has(tag)) return false
      told.add(tag)
      advance()
      return true
    },
    takeUpTo() {
      const taken = upTo
      upTo = undefined
      return taken
    },
    takeStragglers(threshold) {
      if (committed.size === 0 || committed.size < threshold) return []
      const taken = [...committed]
      committed.clear()
      for (const tag of taken) told.add(tag)
      return taken
    },
    get waiting() {
      return committed.size
    },
  }
}
