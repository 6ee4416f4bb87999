/** Tells the database what this node's tenants are in, so that any node can answer for all; and that this node lives. */
import type { Circuits, Sessions } from '../../actors/index.ts'
import { errorText } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { Logger } from '../core/ports/logger.ts'
import type { Nodes, TenantReport } from '../core/ports/tenant-store.ts'
import type { StatusBoard } from './status-board.ts'

export interface NodeReporter {
  /** Something about the tenant has changed that its status does not show. */
  touch(tenantId: TenantId): void
  start(): Promise<void>
  /** Stops, and removes this node. Never rejects. */
  stop(): Promise<void>
}

const settleMs = 50
const leaseMs = 5_000

/** Changes of a moment are reported together, and what could not be reported is tried again with the next. */
export function createNodeReporter(
  nodes: Nodes,
  board: StatusBoard,
  { sessions, circuits }: { readonly sessions: Sessions; readonly circuits: Pick<Circuits, 'of'> },
  log: Logger,
): NodeReporter {
  const dirty = new Set<TenantId>()
  /** Tenants whose last report spoke of messages in flight: when they have none any more, that is news. */
  const reportedBusy = new Set<TenantId>()
  let timer: NodeJS.Timeout | undefined
  let lease: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let stopped = false

  const touch = (tenantId: TenantId): void => {
    dirty.add(tenantId)
    if (!stopped) timer ??= setTimeout(flush, settleMs)
  }
  board.subscribe(touch)

  const report = async (): Promise<void> => {
    const batch = [...dirty]
    dirty.clear()
    const gone = batch.filter((tenantId) => board.get(tenantId) === undefined)
    const reports = batch.flatMap((tenantId) => toReport(tenantId) ?? [])
    for (const { tenantId, inFlight } of reports) if (inFlight > 0) reportedBusy.add(tenantId)
    try {
      if (gone.length > 0) await nodes.forget(gone)
      await nodes.report(reports)
    } catch (error) {
      for (const tenantId of batch) dirty.add(tenantId)
      log.debug('this node could not report', { reason: errorText(error) })
    }
  }

  const flush = (): void => {
    timer = undefined
    running = running.then(() => (stopped ? undefined : report()))
  }

  const toReport = (tenantId: TenantId): TenantReport | undefined => {
    const status = board.get(tenantId)
    if (!status) return undefined
    const session = sessions.find(tenantId)
    return {
      tenantId,
      state: status.state,
      currentWorkers: status.currentWorkers,
      busyWorkers: session?.running.size ?? 0,
      inFlight: session?.inFlight ?? 0,
      reason: status.reason,
      circuits: circuits
        .of(tenantId)
        .map(({ destination, circuit: { state, untilMs, reason } }) => ({ destination, state, untilMs, reason })),
    }
  }

  return {
    touch,
    async start() {
      flush()
      await running
      lease = setInterval(() => {
        for (const tenantId of reportedBusy) dirty.add(tenantId)
        reportedBusy.clear()
        for (const session of sessions.all()) if (session.inFlight > 0) dirty.add(session.tenantId)
        flush()
      }, leaseMs)
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      clearInterval(lease)
      await running
      await nodes.leave()
    },
  }
}
