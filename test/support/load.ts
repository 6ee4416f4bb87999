/** Publishes without pause, remembers what was accepted, and compares it with what was stored. */
import { expect } from 'chai'
import type { Api } from './api.ts'
import { eventually } from './eventually.ts'
import type { Installation } from './installation.ts'

export interface Load extends AsyncDisposable {
  /** The ids that a 202 has promised. */
  accepted(): readonly string[]
  /** Every status there was, once each; 0 for a call that was cut off. */
  statuses(): readonly number[]
  /** The longest that one call took. */
  slowestMs(): number
  /** Answers of 503 that came without Retry-After. */
  withoutRetryAfter(): number
  /** Resolves when so many more messages were accepted. */
  more(count: number, timeoutMs?: number): Promise<void>
  /** Resolves when the last call is answered. Tolerates twice. */
  stop(): Promise<void>
}

export interface LoadOptions {
  readonly publishers?: number
  /** The fields of each message. */
  readonly message?: Readonly<Record<string, unknown>>
}

/** `api` may change under it: a node that is started again has another address. */
export function startLoad(api: Api | (() => Api | undefined), tenantIds: readonly string[], options: LoadOptions = {}): Load {
  const accepted: string[] = []
  const statuses = new Set<number>()
  let slowestMs = 0
  let withoutRetryAfter = 0
  let isStopped = false
  let turn = 0

  const publish = async (target: Api): Promise<void> => {
    const tenantId = tenantIds[turn++ % tenantIds.length]
    const begunAt = Date.now()
    try {
      const json = options.message ?? { type: 'load', data: { turn } }
      const answer = await target.call<{ id: string }>('POST', `/v1/tenants/${tenantId}/messages`, { json })
      statuses.add(answer.status)
      if (answer.status === 202) accepted.push(answer.body.id)
      else {
        if (answer.status === 503 && !answer.headers.has('retry-after')) withoutRetryAfter++
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    } catch {
      statuses.add(0)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    slowestMs = Math.max(slowestMs, Date.now() - begunAt)
  }
  const run = async (): Promise<void> => {
    while (!isStopped) {
      const target = typeof api === 'function' ? api() : api
      if (target) await publish(target)
      else await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const running = Promise.all(Array.from({ length: options.publishers ?? 4 }, run))
  const stop = async (): Promise<void> => {
    isStopped = true
    await running
  }
  return {
    accepted: () => accepted,
    statuses: () => [...statuses],
    slowestMs: () => slowestMs,
    withoutRetryAfter: () => withoutRetryAfter,
    async more(count, timeoutMs = 20_000) {
      const wanted = accepted.length + count
      await eventually(() => accepted.length >= wanted, { timeoutMs })
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Waits until every id is stored, then asserts that none is stored twice. */
export async function expectStored(installation: Installation, ids: readonly string[], timeoutMs = 20_000): Promise<void> {
  await eventually(
    async () => {
      const rows = await installation.query<{ id: string }>('select id from messages')
      const stored = new Set(rows.map(({ id }) => id))
      expect(stored.size, 'ids that are stored twice').to.equal(rows.length)
      expect(
        ids.filter((id) => !stored.has(id)),
        'accepted, but not stored',
      ).to.deep.equal([])
    },
    { timeoutMs, everyMs: 50 },
  )
}
