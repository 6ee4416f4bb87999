/** A tree of actors to watch, a recorder that tells what it is told, and nodes that hear each other. */
import { type AnyActorRef, createActor, enqueueActions, fromCallback, setup, spawnChild } from 'xstate'
import type { TenantId } from '../../../../src/core/ids.ts'
import type { WatchFilter, WatchItem, WatchOptions } from '../../../../src/core/ports/inspection.ts'
import type { Peers } from '../../../../src/core/ports/peers.ts'
import type { RecordedChange } from '../../../../src/engine/inspection/recorder.ts'
import { createWatches, type Watches, type WatchTiming } from '../../../../src/engine/inspection/watch.ts'

export const acme = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0001' as TenantId
export const other = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId

const loop = fromCallback(() => {})
const worker = setup({ actors: { loop } }).createMachine({ id: 'worker', entry: spawnChild('loop', { id: 'loop' }) })
const tenant = setup({ actors: { worker } }).createMachine({
  id: 'tenant',
  entry: [spawnChild('worker', { id: 'worker:1' }), spawnChild('worker', { id: 'worker:2' })],
})
const supervisor = setup({
  types: { input: {} as { tenantId: TenantId }, context: {} as { tenantId: TenantId } },
  actors: { tenant },
}).createMachine({
  id: 'supervisor',
  context: ({ input }) => input,
  entry: enqueueActions(({ context, enqueue }) => enqueue.spawnChild('tenant', { id: `tenant:${context.tenantId}` })),
})
const createRoot = (first: TenantId, second: TenantId) =>
  setup({ actors: { supervisor } }).createMachine({
    id: 'tenantManager',
    entry: [
      spawnChild('supervisor', { id: 'supervisor:1', input: { tenantId: first } }),
      spawnChild('supervisor', { id: 'supervisor:12', input: { tenantId: second } }),
    ],
  })

/** `supervisor:1` has the first tenant, `supervisor:12` the second; each tenant has two workers, and each worker its loop, a task. */
function growTree([first, second]: readonly [TenantId, TenantId]) {
  const manager: AnyActorRef = createActor(createRoot(first, second), { id: 'tenantManager' }).start()
  const below = (parent: AnyActorRef, id: string): AnyActorRef => {
    const child = parent.getSnapshot().children[id]
    if (!child) throw new Error(`there is no ${id}`)
    return child
  }
  const tenants = {
    [first]: below(below(manager, 'supervisor:1'), `tenant:${first}`),
    [second]: below(below(manager, 'supervisor:12'), `tenant:${second}`),
  }
  return {
    manager,
    supervisor: (id: 'supervisor:1' | 'supervisor:12') => below(manager, id),
    tenant: (id: TenantId) => tenants[id] as AnyActorRef,
    worker: (id: TenantId, index: 1 | 2 = 1) => below(tenants[id] as AnyActorRef, `worker:${index}`),
    loop: (id: TenantId) => below(below(tenants[id] as AnyActorRef, 'worker:1'), 'loop'),
  }
}

interface NodeOptions {
  readonly name?: string
  readonly tenants?: readonly [TenantId, TenantId]
  readonly peers?: WatchPeers
  readonly nowMs?: () => number
  readonly timing?: Partial<WatchTiming>
}

type WatchPeers = Pick<Peers, 'tell' | 'hear' | 'others'>

const alone: WatchPeers = { tell() {}, hear: () => () => {}, others: async () => [] }

/** A node whose actors go through what the test says. */
export function createNode({ name = 'here', tenants = [acme, other], peers = alone, nowMs = () => 0, timing = {} }: NodeOptions = {}) {
  const tree = growTree(tenants)
  let listener: ((change: RecordedChange) => void) | undefined
  let wantsTasks: (() => boolean) | undefined
  const watches: Watches = createWatches({
    recorder: {
      listen: (given, tasksToo) => {
        listener = given
        wantsTasks = tasksToo
      },
    },
    peers,
    node: name,
    nowMs,
    timing,
  })
  const signals: AbortController[] = []
  return {
    ...tree,
    watches,
    isListening: () => listener !== undefined,
    hearsTasks: () => listener !== undefined && wantsTasks?.() === true,
    /** The actor takes an event which leads it to `to`. */
    go(ref: AnyActorRef, to: string) {
      listener?.({ kind: 'transition', ref, atMs: 1_700_000_000_000, event: `go.${to}`, from: 'before', to })
    },
    watch: (filter: WatchFilter = {}, options: Partial<WatchOptions> = {}) => openWatch(watches, signals, filter, options),
    [Symbol.dispose]() {
      for (const signal of signals) signal.abort()
      watches.close()
    },
  }
}

/** A watcher that reads at once what comes, or when it is told to. */
function openWatch(watches: Watches, signals: AbortController[], filter: WatchFilter, options: Partial<WatchOptions>) {
  const leaving = new AbortController()
  signals.push(leaving)
  const items = watches.watch(filter, { maxPerSecond: 1_000, signal: leaving.signal, ...options })[Symbol.asyncIterator]()
  const next = async (): Promise<WatchItem> => {
    const { value, done } = await items.next()
    if (done) throw new Error('the watch has ended')
    return value
  }
  return {
    leave: () => leaving.abort(),
    /** Ends when the watch has. */
    ended: async () => (await items.next()).done === true,
    next,
    async take(count: number): Promise<readonly WatchItem[]> {
      const taken: WatchItem[] = []
      while (taken.length < count) taken.push(await next())
      return taken
    },
  }
}

/** `to` of a change; what else an item is, by its type. */
export const toWord = (item: WatchItem): string => (item.type === 'change' ? item.change.to : item.type)

/** Peers of one process: what one tells, the others hear a turn later, as JSON, unless it is lost. */
export function createTown() {
  const hearers: { readonly node: string; readonly topic: string; readonly listener: (news: unknown, from: string) => void }[] = []
  const nodes = new Set<string>()
  const town = {
    /** Decides what is lost. */
    loses: (_topic: string, _from: string): boolean => false,
    /** Told and not heard yet. */
    onTheWay: 0,
    told: [] as { readonly topic: string; readonly from: string; readonly news: unknown; readonly to: string | undefined }[],
    /** Those that have died say nothing of it. */
    dead: new Set<string>(),
    peersOf(node: string): WatchPeers {
      nodes.add(node)
      return {
        others: async () => [...nodes].filter((each) => each !== node && !town.dead.has(each)),
        tell(topic, news, addressee) {
          town.told.push({ topic, from: node, news, to: addressee })
          if (town.loses(topic, node)) return
          const text = JSON.stringify(news)
          for (const { node: to, topic: of, listener } of [...hearers]) {
            if (to === node || of !== topic || (addressee !== undefined && to !== addressee)) continue
            town.onTheWay += 1
            setImmediate(() => {
              town.onTheWay -= 1
              listener(JSON.parse(text), node)
            })
          }
        },
        hear(topic, listener) {
          const hearer = { node, topic, listener }
          hearers.push(hearer)
          return () => void hearers.splice(hearers.indexOf(hearer), 1)
        },
      }
    },
  }
  return town
}
