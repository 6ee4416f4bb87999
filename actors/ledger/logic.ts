/** The ledger machine with its shells: the group committer of this node, and the probe of the database. */
import { fromCallback, fromPromise } from 'xstate'
import { errorText } from '../../src/core/errors.ts'
import { within } from '../../src/core/within.ts'
import type { ActorPorts } from '../ports.ts'
import { createGroupCommitter } from './group-committer.ts'
import { ledgerMachine } from './machine.ts'

const probeDeadlineMs = 5_000

/** `onDue` hears of what the commits have made due. */
export function createLedgerLogic(ports: ActorPorts, onDue: (dueAtMs: number) => void) {
  let report: ((reason: string) => void) | undefined
  const onStalled = (error: Error): void => {
    ports.metrics.ledgerStalled()
    ports.log.warn('the ledger stalls: the database is away; nothing is lost, consumers wait', { error: errorText(error) })
    report?.(errorText(error))
  }
  const committer = createGroupCommitter({
    store: ports.messages,
    ...ports.policy.ledger,
    metrics: ports.metrics,
    tracing: ports.tracing,
    onDue,
    onStalled,
    onTrouble: (text, details) => ports.log.error(text, details),
  })
  const logic = ledgerMachine.provide({
    actors: {
      watchCommitter: fromCallback(({ sendBack }) => {
        report = (reason) => sendBack({ type: 'commit.failed', reason })
        return () => {
          report = undefined
        }
      }),
      probe: fromPromise(() => within(ports.messages.ping(), probeDeadlineMs, noAnswer)),
    },
    actions: {
      resumeCommitter: () => {
        ports.log.info('the ledger resumes: the database answers')
        committer.resume()
      },
    },
  })
  return { logic, committer }
}

function noAnswer(): never {
  throw new Error('the database did not answer the probe in time')
}
