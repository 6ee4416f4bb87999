/** A tenant's in-memory buffer of deliveries: bounded by prefetch, ordered by priority, then by arrival. */
import type { Delivery, Priority } from './message.ts'

export interface Mailbox {
  put(delivery: Delivery): void
  /** The oldest delivery of the highest priority; undefined when there is none or the mailbox is shut. */
  take(): Delivery | undefined
  /** True when take() would give a delivery. */
  hasWork(): boolean
  /** Calls back once, when there is work: a worker that has found none leaves its callback here. Returns the unregisterer. */
  whenReady(callback: () => void): () => void
  /** Shut: take() gives nothing; what arrives is kept. */
  shut(): void
  /** Open again: waiting workers are called. A new mailbox is open. */
  open(): void
  /** Removes and returns everything. */
  empty(): readonly Delivery[]
  readonly size: number
}

/** Guarantees that no wake-up is lost: put() and open() call one waiting worker for each delivery that can be taken. */
export function createMailbox(): Mailbox {
  // Urgent first.
  const lanes = [createLane(), createLane(), createLane()] as const
  const waiting: (() => void)[] = []
  let isOpen = true
  let size = 0

  const laneOf = (priority: Priority) => (priority === 2 ? lanes[0] : priority === 1 ? lanes[1] : lanes[2])

  return {
    put(delivery) {
      laneOf(delivery.priority).push(delivery)
      size++
      if (isOpen && waiting.length > 0) waiting.shift()?.()
    },
    take() {
      if (!isOpen || size === 0) return undefined
      const delivery = lanes[0].shift() ?? lanes[1].shift() ?? lanes[2].shift()
      if (delivery) size--
      return delivery
    },
    hasWork: () => isOpen && size > 0,
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

interface Lane {
  push(delivery: Delivery): void
  shift(): Delivery | undefined
  drain(): Delivery[]
}

// Array.prototype.shift moves every element; a head index does not.
function createLane(): Lane {
  let items: (Delivery | undefined)[] = []
  let head = 0
  return {
    push(delivery) {
      items.push(delivery)
    },
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
