/** Publishes through the API and writes each call into the history, before and after. */
import type { Answer, Api } from '../../support/api.ts'
import { type History, hashData } from '../history/history.ts'
import { classifyAnswer } from './classify.ts'
import type { Draft } from './message.ts'

export interface Published {
  readonly isAccepted: boolean
  readonly ids: readonly string[]
}

export interface Publisher {
  /** Never rejects: what became of the call is in the history. More than one draft make a batch; `key` is an Idempotency-Key. */
  publish(tenant: string, drafts: readonly Draft[], key?: string): Promise<Published>
  readonly slowestMs: number
}

interface AnswerBody {
  readonly id?: string
  readonly ids?: readonly string[]
  readonly code?: string
}

/** `api` answers undefined while there is no node to talk to; such a publish fails without a trace. */
export function createPublisher(api: () => Api | undefined, history: History): Publisher {
  let calls = 0
  let slowestMs = 0
  return {
    async publish(tenant, drafts, key) {
      const target = api()
      if (!target) return { isAccepted: false, ids: [] }
      const call = ++calls
      const messages = drafts.map(({ id, type, data }) => ({ id: id ?? null, type, hash: hashData(data) }))
      history.add({ kind: 'publish', call, tenant, messages })
      const isBatch = drafts.length > 1
      const startedAtMs = performance.now()
      const { status, code, ids } = await send(target, tenant, drafts, key)
      const tookMs = Math.round(performance.now() - startedAtMs)
      slowestMs = Math.max(slowestMs, tookMs)
      const outcome = classifyAnswer({ status, code, isBatch, hasKey: key !== undefined })
      history.add({ kind: 'answer', call, outcome, status, code, tookMs, ids })
      return { isAccepted: outcome === 'ok', ids }
    },
    get slowestMs() {
      return slowestMs
    },
  }
}

async function send(api: Api, tenant: string, drafts: readonly Draft[], key: string | undefined) {
  const isBatch = drafts.length > 1
  const path = `/v1/tenants/${tenant}/messages${isBatch ? '/batch' : ''}`
  try {
    const json = isBatch ? { messages: drafts } : drafts[0]
    const headers: Readonly<Record<string, string>> = key === undefined ? {} : { 'idempotency-key': key }
    const { status, body }: Answer<AnswerBody | undefined> = await api.call('POST', path, { json, headers })
    return { status, code: body?.code ?? null, ids: body?.ids ?? (body?.id === undefined ? [] : [body.id]) }
  } catch (thrown) {
    return { status: 0, code: readErrorCode(thrown), ids: [] }
  }
}

/** fetch() wraps what the socket said. */
function readErrorCode(thrown: unknown): string | null {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : null
}
