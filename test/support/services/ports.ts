/** Free ports of the loopback interface. */
import { once } from 'node:events'
import { createServer } from 'node:net'

/** `count` different ports that are free right now. */
export async function pickPorts(count: number): Promise<readonly number[]> {
  const probes = await Promise.all(
    Array.from({ length: count }, async () => {
      const probe = createServer().listen(0, '127.0.0.1')
      await once(probe, 'listening')
      return probe
    }),
  )
  const ports = probes.map((probe) => Number(Object(probe.address()).port))
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))))
  return ports
}
