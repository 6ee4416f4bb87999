/** Due messages in the hands of a node, and ports that note what becomes of them. */
import type { RepublishPorts } from '../../../actors/retry-scheduler/republish.ts'
import type { FailedMessage } from '../../../src/core/failure.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import type { ClaimedRetry } from '../../../src/core/ports/failure-store.ts'
import type { Handler } from '../../../src/core/ports/handlers.ts'
import type { ClaimedSchedule } from '../../../src/core/ports/schedule-store.ts'
import { createDelivery, createLines } from './samples.ts'

let claims = 0

export function createSchedule(changes: Partial<OutboundMessage> = {}): ClaimedSchedule {
  const { redelivered: _redelivered, tag: _tag, text, ...message } = createDelivery(changes)
  return { claim: `claim ${++claims}`, message: { ...message, body: text(), ...changes } }
}

export function createRetry(changes: Partial<OutboundMessage> = {}): ClaimedRetry {
  const { claim, message } = createSchedule({ attempt: 2, ...changes })
  const { tenantId, id, type, priority, key } = message
  const failed: FailedMessage = {
    ...{ tenantId, id, type, priority, key },
    body: Buffer.from(message.body),
    status: 'pending',
    attempts: message.attempt - 1,
    retryCount: 0,
    nextRetryAt: new Date(),
    errorClass: 'Retry',
    error: 'not now',
    fingerprint: 'same',
    reason: null,
    history: [],
    createdAt: new Date(message.createdAtMs),
    failedAt: new Date(),
    updatedAt: new Date(),
    closedAt: null,
  }
  return { claim, failed, message }
}

export interface NotingPorts {
  readonly ports: RepublishPorts
  /** What was done, oldest first: `publish a,b`, `republished a`, `released b`, `give back a after 0`, `give up a: reason`. */
  readonly done: string[]
  readonly counts: string[]
}

interface Options {
  readonly publish?: (messages: readonly OutboundMessage[]) => Promise<void>
  readonly shouldRetry?: Handler['shouldRetry']
}

/** Messages are noted by their type. */
export function createNotingPorts({ publish = async () => {}, shouldRetry }: Options = {}): NotingPorts {
  const done: string[] = []
  const counts: string[] = []
  const names = (given: readonly { readonly message: OutboundMessage }[]): string => given.map(({ message }) => message.type).join()
  const note = async (what: string, given: readonly { readonly message: OutboundMessage }[], more = ''): Promise<void> => {
    if (given.length > 0) done.push(`${what} ${names(given)}${more}`)
  }
  const handler: Handler = { type: 'note', idempotent: false, run: () => ({ kind: 'ack' }), ...(shouldRetry ? { shouldRetry } : {}) }
  const ports = {
    broker: {
      publishBatch: async (messages: readonly OutboundMessage[]) => {
        done.push(`publish ${messages.map(({ type }) => type).join()}`)
        await publish(messages)
      },
    },
    failures: {
      republished: (given: readonly ClaimedRetry[]) => note('republished', given),
      giveBack: (given: readonly ClaimedRetry[], delayMs: number) => note('give back', given, ` after ${delayMs}`),
      giveUp: async ({ message }: ClaimedRetry, reason: string) => void done.push(`give up ${message.type}: ${reason}`),
    },
    schedules: {
      released: (given: readonly ClaimedSchedule[]) => note('released', given),
      giveBack: (given: readonly ClaimedSchedule[], delayMs: number) => note('give back', given, ` after ${delayMs}`),
    },
    handlers: { find: () => handler },
    metrics: { republished: (what: string, count: number) => counts.push(`${what} ${count}`) },
    log: createLines(),
  }
  return { ports: ports as unknown as RepublishPorts, done, counts }
}
