/** The handlers of benchmarks: each takes 5 ms, as one that asks a fast service. */
import { setTimeout as delay } from 'node:timers/promises'
import { ack, defineHandler, reject } from 'tenantry'

const serviceMs = 5

export const live = defineHandler({ type: 'bench.live', handle: () => delay(serviceMs) })

/** Fails until its tenant's configuration says that the service is mended. */
export const failing = defineHandler({
  type: 'bench.failing',
  async handle(_, { tenant }) {
    await delay(serviceMs)
    return tenant.config.mended === true ? ack : reject('the service is down')
  },
})
