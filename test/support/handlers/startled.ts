/** Makes its process busy for a moment when it hears SIGINT: what comes together with that is heard late. */
import { defineHandler } from 'tenantry'

const busyMs = 600

process.once('SIGINT', () => {
  const endsAtMs = performance.now() + busyMs
  while (performance.now() < endsAtMs);
})

export const idle = defineHandler({ type: 'idle', handle: () => undefined })
