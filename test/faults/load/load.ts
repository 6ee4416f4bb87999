/** Publishes without pause to several tenants, and reads them meanwhile, until it is told to stop. */
import type { Api } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import type { Random } from '../../support/random.ts'
import { canaryPattern, type History } from '../history/history.ts'
import { createDraft, type Draft, type Mix } from './message.ts'
import type { Publisher } from './publisher.ts'

export interface LoadTenant {
  readonly id: string
  readonly canary: string
}

export interface LoadOptions {
  readonly api: () => Api | undefined
  readonly publisher: Publisher
  readonly history: History
  readonly random: Random
  readonly tenants: readonly LoadTenant[]
  readonly mix: Mix
  /** How many calls are under way at once. */
  readonly lanes: number
  /** Between two calls of a lane. */
  readonly pauseMs: number
}

export interface Load extends AsyncDisposable {
  /** How many calls were accepted. */
  readonly accepted: number
  /** Resolves when so many more calls were accepted. */
  more(count: number, timeoutMs?: number): Promise<void>
  /** Messages of one type for one tenant beside the load, in one call. Their ids; none when they were not accepted. */
  publish(tenant: LoadTenant, type: string, count: number): Promise<readonly string[]>
  /** No new calls until release(). */
  hold(): void
  release(): void
  /** Resolves when the last call is answered. Tolerates twice. */
  stop(): Promise<void>
}

/** What can be published again as it is. */
interface Call {
  readonly tenant: string
  readonly drafts: readonly Draft[]
  readonly key: string | undefined
}

const batchSize = 10
const share = { batches: 0.05, keys: 0.05, repeats: 0.05, reads: 0.02 }

export function startLoad(options: LoadOptions): Load {
  const { publisher, random, tenants, mix } = options
  const repeatable: Call[] = []
  let serial = 0
  let accepted = 0
  let isStopped = false
  let isHeld = false

  const draftFor = (tenant: LoadTenant, from = mix): Draft => createDraft(random, from, { canary: tenant.canary, serial: ++serial })

  const publish = async (): Promise<void> => {
    const again = random.chance(share.repeats) ? repeatable.shift() : undefined
    const call = again ?? draftCall()
    const published = await publisher.publish(call.tenant, call.drafts, call.key)
    if (published.isAccepted) accepted++
    const mayRepeat = call.key !== undefined || call.drafts.every(({ id }) => id !== undefined)
    // A client that was not answered repeats; sometimes one that was answered does so too.
    if (mayRepeat && random.chance(published.isAccepted ? 0.1 : 0.5)) repeatable.push(call)
  }
  const draftCall = (): Call => {
    const tenant = pickSkewed(random, tenants)
    const drafts = Array.from({ length: random.chance(share.batches) ? batchSize : 1 }, () => draftFor(tenant))
    const key = random.chance(share.keys) ? random.uuid() : undefined
    return { tenant: tenant.id, drafts, key }
  }
  const run = async (): Promise<void> => {
    while (!isStopped) {
      const isAble = options.api() !== undefined && !isHeld
      if (isAble && random.chance(share.reads)) await readTenant(options, random.pick(tenants))
      else if (isAble) await publish()
      await new Promise((resolve) => setTimeout(resolve, options.pauseMs))
    }
  }
  const running = Promise.all(Array.from({ length: options.lanes }, run))
  const stop = async (): Promise<void> => {
    isStopped = true
    await running
  }
  return {
    get accepted() {
      return accepted
    },
    async more(more, timeoutMs = 60_000) {
      const wanted = accepted + more
      await eventually(() => accepted >= wanted, { timeoutMs })
    },
    async publish(tenant, type, count) {
      const drafts = Array.from({ length: count }, () => draftFor(tenant, { [type]: 1 }))
      const { isAccepted, ids } = await publisher.publish(tenant.id, drafts)
      return isAccepted ? ids : []
    },
    hold() {
      isHeld = true
    },
    release() {
      isHeld = false
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** The first tenants get most. */
const pickSkewed = (random: Random, tenants: readonly LoadTenant[]): LoadTenant =>
  tenants[Math.floor(random.next() ** 2 * tenants.length)] ?? random.pick(tenants)

/** Asks the API about one tenant and keeps whose canaries the answers hold. */
export async function readTenant({ api, history }: Pick<LoadOptions, 'api' | 'history'>, tenant: LoadTenant): Promise<void> {
  const paths = [`/v1/tenants/${tenant.id}/messages?limit=20`, `/v1/messages?tenant_id=${tenant.id}&limit=20`, `/v1/tenants/${tenant.id}`]
  for (const path of paths) {
    try {
      const answer = await api()?.call('GET', path)
      const canaries = new Set(answer?.text.match(canaryPattern))
      history.add({ kind: 'read', tenant: tenant.id, canaries: [...canaries] })
    } catch {
      // Nobody answers in the middle of a fault.
    }
  }
}
