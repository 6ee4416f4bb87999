/** What the row of a failed message says about it: waits for another attempt, is in the queue again, or has come to its end. */
import { because, blocked, count, future, remedies, sinceText } from '../../core/explanation.ts'
import type { FailedMessage } from '../../core/failure.ts'
import type { Explanation } from '../../core/ports/inspection.ts'
import { explainPlace } from './explain-place.ts'
import { type Finding, findLasting, type MessagePicture, meanwhile, toFinding } from './message-finding.ts'

export function explainFailedMessage(failed: FailedMessage, picture: MessagePicture): Finding {
  return { ...toFindingOf(failed, picture), detail: failed.status === 'resolved' ? null : failed.error }
}

function toFindingOf(failed: FailedMessage, picture: MessagePicture): Finding {
  const { id, tenantId, attempts, errorClass, reason, closedAt, type } = failed
  const times = `${count(attempts, 'attempt')} (${errorClass})`
  const at = closedAt ? ` at ${closedAt.toISOString()}` : ''
  switch (failed.status) {
    case 'pending':
      return explainPending(failed, picture)
    case 'retried':
      return explainRetried(failed, picture)
    case 'resolved':
      return toFinding('processed', `Message ${id} was processed${at}, after it had failed before.`)
    case 'permanently_failed': {
      const remedy = type === null ? null : remedies.retry(tenantId, id)
      return toFinding('failed', `Message ${id} failed for good${at} after ${times}${because(reason)}.`, {
        blockedBy: 'message.failed',
        remedy,
      })
    }
    case 'discarded':
      return toFinding('failed', `Message ${id} was given up${at} after ${times}${because(reason)}.`, { blockedBy: 'message.discarded' })
  }
}

// While a node holds the message to publish it, the row says when that lease ends, when it is due again if the node dies.
function explainPending(failed: FailedMessage, picture: MessagePicture): Finding {
  const { tenantBlock, nodes, nowMs } = picture
  const { id, tenantId, attempts, retryCount, errorClass, nextRetryAt } = failed
  const until = nextRetryAt && future(nextRetryAt.getTime(), nowMs)
  const isPutOff = errorClass === 'CircuitOpen'
  const what = isPutOff
    ? `Message ${id} was put off, because a circuit is open`
    : `Message ${id} failed at attempt ${attempts} (${errorClass})`
  if (until) {
    const waits = `${what}, and waits for retry ${retryCount + 1}, which is due at ${until.toISOString()}`
    const lasting = findLasting(tenantBlock, until)
    if (lasting) return toFinding('retrying', `${waits}; ${meanwhile(lasting)}.`, lasting)
    const sentence = `${waits}.`
    // A retry that is brought forward meets the same open circuit, which lets a probe through by itself.
    if (isPutOff) return toFinding('retrying', sentence, { blockedBy: 'circuit.open', until: probeAt(picture) ?? until, expectedAt: until })
    return toFinding('retrying', sentence, { blockedBy: 'retry.waiting', until, expectedAt: until, remedy: remedies.retry(tenantId, id) })
  }
  const since = nextRetryAt ? ` for ${sinceText(nextRetryAt.getTime(), nowMs)}` : ''
  const due = `${what}, and retry ${retryCount + 1} has been due${since}`
  const block: Explanation | undefined = tenantBlock ?? toLinkBlock(nodes.flatMap(({ tenant, link }) => (tenant ? [link] : [])))
  if (block) return toFinding('retrying', `${due}; ${meanwhile(block)}.`, block)
  return toFinding('retrying', `${due}; it goes back into its queue as soon as the retries before it leave room.`, {
    blockedBy: 'retry.due',
  })
}

/** When the tenant's circuit lets a probe through; null when it has several, of which nobody knows the message's. */
function probeAt({ nodes, nowMs }: MessagePicture): Date | null {
  const circuits = nodes.flatMap((each) => each.circuits)
  if (new Set(circuits.map(({ destination }) => destination)).size !== 1) return null
  return future(Math.max(...circuits.map(({ untilMs }) => untilMs)), nowMs)
}

/** The retry scheduler of a node rests while its broker takes nothing. */
function toLinkBlock(links: readonly MessagePicture['nodes'][number]['link'][]): Explanation | undefined {
  if (links.length === 0 || links.includes('up')) return undefined
  const isBlocked = links.includes('blocked')
  const sentence = isBlocked ? 'The broker takes no messages.' : 'The broker is away.'
  return blocked(isBlocked ? 'broker.blocked' : 'broker.unavailable', sentence)
}

function explainRetried(failed: FailedMessage, picture: MessagePicture): Finding {
  const { id, retryCount, updatedAt } = failed
  const found = explainPlace(picture, 'retrying')
  if (found) return { ...found, sentence: found.sentence.replace(`Message ${id}`, `Retry ${retryCount} of message ${id}`) }
  const put = `Retry ${retryCount} of message ${id} was put in its queue ${sinceText(updatedAt.getTime(), picture.nowMs)} ago`
  const rest = 'it is on its way to a worker or from one, or the queue has lost it, and then it is made due again'
  return toFinding('retrying', `${put}; ${rest}.`, { blockedBy: 'retry.under_way' })
}
