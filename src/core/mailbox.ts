/**
 * A tenant's in-memory buffer of deliveries: bounded by prefetch, ordered by priority, then by arrival. Messages that are
 * tried again have a lane of their own: while new ones wait, they get their share of the turns and no more.
 */
import type { MessageId } from './ids.ts'
import type { Delivery } from './message.ts'

export interface Mailbox {
  put(delivery: Delivery): void
  /** The oldest delivery of the highest priority, or a retry when it is its turn; undefined when there is none or the mailbox is shut. */
  take(): Delivery | undefined
  /** True when take() would give a delivery. */
  hasWork(): boolean
  /** Calls back once, when there is work: a worker that has found none leaves its callback here. Returns the unregisterer. */
  whenReady(callback: () => void): () => void
  /** Shut: take() gives nothing; what arrives is kept. */
  shut(): void
  /** Open again: waiting workers are called. A new mailbox is open. */
  open(): void
  /** A retry has ended: a waiting worker may find work now that none could take before. */
  retryEnded(): void
  /**
   * How many deliveries would be taken before that of this message, if nothing else came and no retry ended; undefined when it is not here.
   * For whoever asks about one message: it looks at all of them.
   */
  ahead(id: MessageId): number | undefined
  /** Removes and returns everything. */
  empty(): readonly Delivery[]
  readonly size: number
}

/**
 * Guarantees that no wake-up is lost: put() and open() call one waiting worker for each delivery that can be taken.
 *
 * Shape: `retryShare` in (0, 1] is the part of the turns that retries get while new messages wait. `mayRetry` says whether one
 * more worker may hold a retry now; where it says no, some worker holds one, and retryEnded() follows.
 */
export function createMailbox(retryShare = 1, mayRetry: () => boolean = () => true): Mailbox {
  // Urgent first; retries last.
  const lanes = [createLane(), createLane(), createLane(), createLane()] as const
  const retries = lanes[3]
  let retryCredit = 0
  const waiting: (() => void)[] = []
  let isOpen = true
  let size = 0

  const laneOf = ({ priority, attempt }: Delivery) =>
    attempt > 1 ? retries : priority === 2 ? lanes[0] : priority === 1 ? lanes[1] : lanes[2]

  const takeNew = () => lanes[0].shift() ?? lanes[1].shift() ?? lanes[2].shift()

  const takeInTurn = (): Delivery | undefined => {
    if (retries.isEmpty() || !mayRetry()) return takeNew()
    retryCredit += retryShare
    if (retryCredit < 1) {
      const fresh = takeNew()
      if (fresh) return fresh
    }
    // What is over stays for the next turn; a turn that no new message wanted costs nothing.
    retryCredit = Math.max(0, retryCredit - 1)
    return retries.shift()
  }

  const hasWork = (): boolean => isOpen && size > 0 && (size > retries.size() || mayRetry())

  return {
    put(delivery) {
      laneOf(delivery).push(delivery)
      size++
      if (isOpen && waiting.length > 0) waiting.shift()?.()
    },
    take() {
      if (!isOpen || size === 0) return undefined
      const delivery = takeInTurn()
      if (delivery) size--
      return delivery
    },
    hasWork,
    whenReady(callback) {
      waiting.push(callback)
      return () => {
        const index = waiting.indexOf(callback)
        if (index >= 0) waiting.splice(index, 1)
      }
    },
    shut() {
      isOpen = false
    },
    open() {
      if (isOpen) return
      isOpen = true
      for (const callback of waiting.splice(0, size)) callback()
    },
    retryEnded() {
      if (waiting.length > 0 && hasWork()) waiting.shift()?.()
    },
    ahead(id) {
      let fresh = 0
      for (const lane of lanes.slice(0, -1)) {
        const place = lane.indexOf(id)
        if (place < 0) fresh += lane.size()
        else return countAhead({ fresh: fresh + place, retries: mayRetry() ? retries.size() : 0, isRetry: false }, retryCredit, retryShare)
      }
      const place = retries.indexOf(id)
      if (place < 0) return undefined
      return mayRetry() ? countAhead({ fresh, retries: place, isRetry: true }, retryCredit, retryShare) : fresh + place
    },
    empty() {
      const all = lanes.flatMap((lane) => lane.drain())
      size = 0
      return all
    },
    get size() {
      return size
    },
  }
}

/** Plays the turns of takeInTurn() with numbers alone, until the turn of the delivery that has so many of its own kind before it. */
function countAhead(before: { fresh: number; retries: number; isRetry: boolean }, startCredit: number, share: number): number {
  let { fresh, retries } = before
  let credit = startCredit
  for (let turns = 0; ; turns++) {
    const isOwnTurn = before.isRetry ? retries === 0 : fresh === 0
    // Nothing of the other kind: only the own kind has turns.
    if (before.isRetry ? fresh === 0 : retries === 0) return turns + (before.isRetry ? retries : fresh)
    credit += share
    if (credit < 1) {
      if (!before.isRetry && isOwnTurn) return turns
      fresh--
      continue
    }
    credit -= 1
    if (before.isRetry && isOwnTurn) return turns
    retries--
  }
}

interface Lane {
  push(delivery: Delivery): void
  shift(): Delivery | undefined
  drain(): Delivery[]
  /** How many are before the message; -1 when it is not here. */
  indexOf(id: MessageId): number
  isEmpty(): boolean
  size(): number
}

// Array.prototype.shift moves every element; a head index does not.
function createLane(): Lane {
  let items: (Delivery | undefined)[] = []
  let head = 0
  return {
    push(delivery) {
      items.push(delivery)
    },
    indexOf(id) {
      for (let index = head; index < items.length; index++) if (items[index]?.id === id) return index - head
      return -1
    },
    isEmpty: () => head >= items.length,
    size: () => items.length - head,
    shift() {
      if (head >= items.length) return undefined
      const delivery = items[head]
      items[head++] = undefined
      if (head === items.length) {
        items = []
        head = 0
      }
      return delivery
    },
    drain() {
      const rest = items.slice(head) as Delivery[]
      items = []
      head = 0
      return rest
    },
  }
}
