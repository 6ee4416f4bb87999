/** R9: PostgreSQL has committed what the ledger wrote, and the connection ends before the answer. */
import type { Fault } from './fault.ts'

const limitMs = 60_000

export const commitAnswerCut: Fault = {
  name: 'commit-answer-cut',
  brokers: ['rabbitmq', 'postgres'],
  inject: ({ stage, intensity }) =>
    stage.databaseProxy.cutInsteadOfAnswer('insert into messages', intensity.repeats, AbortSignal.timeout(limitMs)),
}
