/** What each tenant's actor on this node is in now, and a way to wait for it. */
import type { TenantStatusReport } from '../../actors/index.ts'
import type { TenantId } from '../core/ids.ts'

export interface StatusBoard {
  set(tenantId: TenantId, status: TenantStatusReport): void
  remove(tenantId: TenantId): void
  get(tenantId: TenantId): TenantStatusReport | undefined
  entries(): Iterable<[TenantId, TenantStatusReport]>
  /** Resolves true as soon as the status (undefined: no such actor) satisfies, false after `deadlineMs`. */
  until(tenantId: TenantId, satisfies: (status: TenantStatusReport | undefined) => boolean, deadlineMs: number): Promise<boolean>
  /** Calls back for each change. */
  subscribe(listener: (tenantId: TenantId, status: TenantStatusReport | undefined) => void): void
}

interface Waiter {
  readonly satisfies: (status: TenantStatusReport | undefined) => boolean
  readonly resolve: (satisfied: boolean) => void
}

export function createStatusBoard(): StatusBoard {
  const statuses = new Map<TenantId, TenantStatusReport>()
  const waiters = new Map<TenantId, Set<Waiter>>()
  const listeners: ((tenantId: TenantId, status: TenantStatusReport | undefined) => void)[] = []

  const changed = (tenantId: TenantId): void => {
    const status = statuses.get(tenantId)
    for (const listener of listeners) listener(tenantId, status)
    for (const waiter of waiters.get(tenantId) ?? []) if (waiter.satisfies(status)) waiter.resolve(true)
  }

  return {
    set(tenantId, status) {
      const before = statuses.get(tenantId)
      statuses.set(tenantId, status)
      if (!before || !isSame(before, status)) changed(tenantId)
    },
    remove(tenantId) {
      if (statuses.delete(tenantId)) changed(tenantId)
    },
    get: (tenantId) => statuses.get(tenantId),
    entries: () => statuses.entries(),
    until(tenantId, satisfies, deadlineMs) {
      if (satisfies(statuses.get(tenantId))) return Promise.resolve(true)
      return new Promise((resolve) => {
        const waiter: Waiter = {
          satisfies,
          resolve(satisfied) {
            clearTimeout(timer)
            const others = waiters.get(tenantId)
            others?.delete(waiter)
            if (others?.size === 0) waiters.delete(tenantId)
            resolve(satisfied)
          },
        }
        const timer = setTimeout(() => waiter.resolve(false), deadlineMs)
        const own = waiters.get(tenantId) ?? new Set()
        waiters.set(tenantId, own.add(waiter))
      })
    },
    subscribe(listener) {
      listeners.push(listener)
    },
  }
}

const isSame = (a: TenantStatusReport, b: TenantStatusReport): boolean =>
  a.state === b.state &&
  a.reason === b.reason &&
  a.currentWorkers === b.currentWorkers &&
  a.version === b.version &&
  a.settled === b.settled
