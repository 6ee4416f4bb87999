/** Handlers whose outcomes are known beforehand, and that note each run with an effect. */
import type { TenantId } from '../../../src/core/ids.ts'
import type { Delivery } from '../../../src/core/message.ts'
import { ack, type Outcome, reject, retry } from '../../../src/core/outcome.ts'
import type { Handler, Handlers } from '../../../src/core/ports/handlers.ts'
import type { Link } from './link.ts'

export const messageTypes = ['good', 'slow', 'flaky', 'unwanted', 'hopeless', 'rejected', 'crashing', 'gateway', 'repeatable'] as const
export type MessageType = (typeof messageTypes)[number]

/** What becomes of a message of the type, when everything is well in the end. */
export const endings: Readonly<Record<MessageType, 'processed' | 'failed'>> = {
  good: 'processed',
  slow: 'processed',
  flaky: 'processed',
  unwanted: 'failed',
  hopeless: 'failed',
  rejected: 'failed',
  crashing: 'failed',
  gateway: 'processed',
  repeatable: 'processed',
}

export interface HandlersOptions {
  /** Whose handlers these are: those of a dead node run no more. */
  readonly link: Link
  /** Before each attempt that has an effect. */
  readonly onRun: (delivery: Delivery) => void
  readonly isGatewayUp: (tenantId: TenantId) => boolean
}

const slowMs = 300

export function createMemoryHandlers({ link, onRun, isGatewayUp }: HandlersOptions): Handlers {
  const after = (ms: number, outcome: Outcome): Promise<Outcome> => new Promise((resolve) => setTimeout(resolve, ms, outcome))
  const runs: Readonly<Record<MessageType, (delivery: Delivery) => Outcome | Promise<Outcome>>> = {
    good: () => ack,
    slow: () => after(slowMs, ack),
    // Twice for each time that the policy begins to count.
    flaky: ({ attempt }) => (attempt % 3 === 0 ? ack : retry('not yet')),
    unwanted: () => retry('nobody wants it'),
    hopeless: async () => retry('never'),
    rejected: () => reject('no'),
    crashing: () => {
      throw new Error('boom')
    },
    gateway: ({ tenantId }) => after(20, isGatewayUp(tenantId) ? ack : retry('refused')),
    repeatable: () => ack,
  }
  const changes: Readonly<Partial<Record<MessageType, Partial<Handler>>>> = {
    repeatable: { idempotent: true },
    gateway: { destination: 'gateway', retry: { delaysMs: Array(50).fill(200) } },
    hopeless: { retry: { immediateRetries: 1 } },
    unwanted: { shouldRetry: async () => ({ retry: false, reason: 'nobody wants it again' }) },
  }
  const begun = new WeakSet<Delivery>()
  const handlers = messageTypes.map((type): Handler => {
    const run = runs[type]
    return {
      type,
      idempotent: false,
      run(delivery) {
        if (link.dead) return new Promise(() => {})
        // The runs that follow a failure at once are of one attempt.
        if (type !== 'repeatable' && !begun.has(delivery)) onRun(delivery)
        begun.add(delivery)
        return run(delivery)
      },
      ...changes[type],
    }
  })
  const byType = new Map(handlers.map((handler) => [handler.type, handler]))
  return {
    find(type) {
      const handler = byType.get(type)
      if (!handler) throw new Error(`no handler for ${type}`)
      return handler
    },
  }
}
