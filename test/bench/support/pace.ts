/** An even load over HTTP: so many requests a second, whatever the answers take. */
import { Agent, request } from 'node:http'

export interface PaceOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly perSecond: number
  readonly seconds: number
}

const tickMs = 5

/** Resolves when every request is answered. Errors: when an answer is not 2xx, or not all could be sent in time. */
export async function pace({ url, headers, body, perSecond, seconds }: PaceOptions): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64, scheduling: 'fifo' })
  const pending = new Set<Promise<void>>()
  const startedAt = performance.now()
  const total = perSecond * seconds
  const send = () =>
    new Promise<void>((resolve, reject) => {
      const sent = request(url, { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (answer) => {
        answer.resume()
        answer.once('end', () => (answer.statusCode === 202 ? resolve() : reject(new Error(`answered ${answer.statusCode}`))))
      })
      sent.once('error', reject)
      sent.end(body)
    })
  try {
    for (let sent = 0; sent < total; ) {
      const due = Math.min(total, ((performance.now() - startedAt) / 1000) * perSecond)
      for (; sent < due; sent++) {
        const one: Promise<void> = send().finally(() => pending.delete(one))
        one.catch(() => {})
        pending.add(one)
      }
      await new Promise((resolve) => setTimeout(resolve, tickMs))
    }
    await Promise.all(pending)
  } finally {
    agent.destroy()
  }
}
