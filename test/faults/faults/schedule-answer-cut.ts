/** R9: a scheduled message is stored, and the connection ends before the answer. */
import type { Fault } from './fault.ts'

const limitMs = 60_000

export const scheduleAnswerCut: Fault = {
  name: 'schedule-answer-cut',
  brokers: ['rabbitmq', 'postgres'],
  inject: ({ stage, intensity }) =>
    stage.databaseProxy.cutInsteadOfAnswer('insert into scheduled_messages', intensity.repeats, AbortSignal.timeout(limitMs)),
}
