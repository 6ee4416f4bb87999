/** Reads what is in a dead-letter queue: what it was, and why the broker has put it aside. */
import type { ConsumeMessage } from 'amqplib'
import type { TenantId } from '../../core/ids.ts'
import type { DeadLetter } from '../../core/ports/broker.ts'
import { findFault, readProperties } from './properties.ts'

/**
 * The letter, whatever it is made of.
 *
 * | RabbitMQ says                     | reason         | detail                                 |
 * | rejected, and we could not read it | undecodable    | what it lacks                          |
 * | delivery_limit                    | delivery_limit | that it was delivered too often        |
 * | expired                           | expired        | that it waited too long                |
 * | maxlen, or another reason         | unknown        | RabbitMQ's word                        |
 * | nothing: somebody has put it there | unknown        | its header `reason` when it has one     |
 */
export function toDeadLetter(tenantId: TenantId, message: ConsumeMessage): DeadLetter {
  const { properties, content, fields } = message
  return { tenantId, ...readProperties(properties), ...findCause(message), body: content, redelivered: fields.redelivered }
}

function findCause(message: ConsumeMessage): Pick<DeadLetter, 'reason' | 'detail'> {
  const { headers = {} } = message.properties
  const word = readLastReason(headers['x-death']) ?? headers['x-first-death-reason']
  if (word === 'delivery_limit') return { reason: 'delivery_limit', detail: 'it was delivered more often than its queue allows' }
  if (word === 'expired') return { reason: 'expired', detail: 'it waited longer in its queue than it may' }
  if (word === 'rejected') {
    // The engine's consumer rejects nothing else.
    const fault = findFault(message)
    if (fault !== undefined) return { reason: 'undecodable', detail: fault }
  }
  if (typeof word === 'string') return { reason: 'unknown', detail: toLine(`RabbitMQ's reason: ${word}`) }
  const { reason } = headers
  return { reason: 'unknown', detail: typeof reason === 'string' && reason !== '' ? toLine(reason) : 'RabbitMQ names no reason' }
}

/** RabbitMQ writes the latest death first. */
function readLastReason(deaths: unknown): unknown {
  const last: unknown = Array.isArray(deaths) ? deaths[0] : undefined
  return typeof last === 'object' && last !== null && 'reason' in last ? last.reason : undefined
}

const toLine = (text: string): string => text.replaceAll(/\s+/g, ' ').slice(0, 500)
