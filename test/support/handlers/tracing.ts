/** A handler in a thread that publishes what it knows of its trace. */
import { defineHandler } from 'tenantry'

export const isolated = defineHandler({
  type: 'tells its trace from a thread',
  isolation: 'thread',
  async handle({ id }, { trace, publish }) {
    await publish({ type: 'told', data: { from: id, trace } })
  },
})
