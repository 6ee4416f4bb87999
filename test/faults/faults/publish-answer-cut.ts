/** R9: a message is queued in PostgreSQL, and the connection ends before the answer. */
import type { Fault } from './fault.ts'

const limitMs = 60_000

export const publishAnswerCut: Fault = {
  name: 'publish-answer-cut',
  brokers: ['postgres'],
  inject: ({ stage, intensity }) =>
    stage.databaseProxy.cutInsteadOfAnswer('INSERT INTO tenantry_queue.job', intensity.repeats, AbortSignal.timeout(limitMs)),
}
