/** What a tenant's actor says about itself, derived from its snapshot. */
import { matchesState, type StateValue } from 'xstate'
import type { TenantState } from '../../src/core/ports/engine-api.ts'
import type { TenantContext } from './setup.ts'

export interface TenantStatusReport {
  readonly state: TenantState
  readonly reason: string | null
  readonly currentWorkers: number
  /** True when the actor has done what the desired state of `version` asks for. */
  readonly settled: boolean
  readonly version: number
}

interface TenantSnapshot {
  readonly context: TenantContext
  readonly value: StateValue
}

// In this order: the first that matches names the state.
const names: readonly (readonly [StateValue, TenantState])[] = [
  ['provisioning', 'provisioning'],
  [{ attached: 'opening' }, 'attaching'],
  [{ attached: { serving: { activity: 'running' } } }, 'running'],
  [{ attached: { serving: { activity: 'paused' } } }, 'paused'],
  [{ attached: { serving: { activity: 'stalled' } } }, 'stalled'],
  [{ attached: 'emptying' }, 'draining'],
  [{ attached: 'draining' }, 'draining'],
  [{ attached: 'detaching' }, 'detaching'],
  ['backingOff', 'backing_off'],
  ['quarantined', 'quarantined'],
  ['deleting', 'deleting'],
  ['deleted', 'deleted'],
  ['stopped', 'stopped'],
  ['ended', 'stopped'],
]

/** The API's name of a state value. Errors: none; total over the machine's states (a test walks all of them). */
export const toTenantState = (value: StateValue): TenantState => names.find(([name]) => matchesState(name, value))?.[1] ?? 'detaching'

/** Errors: none; total. */
export function toTenantStatus({ context, value }: TenantSnapshot): TenantStatusReport {
  const state = toTenantState(value)
  const currentWorkers = countWorkers(context)
  return {
    state,
    reason: context.reason,
    currentWorkers,
    settled: isSettled(state, currentWorkers, context),
    version: context.desired.version,
  }
}

export const countWorkers = (context: Pick<TenantContext, 'workers'>): number =>
  Object.values(context.workers).filter((phase) => phase === 'running').length

function isSettled(state: TenantState, currentWorkers: number, { desired, servedGeneration }: TenantContext): boolean {
  // A tenant that is stopped, or goes, has nothing to restart.
  const serves = desired.status === 'active' || desired.status === 'paused'
  if (serves && desired.restartGeneration > servedGeneration) return false
  switch (desired.status) {
    case 'active':
      return state === 'running' && currentWorkers === desired.workers
    case 'paused':
      return state === 'paused' && currentWorkers === desired.workers
    case 'drained':
      return state === 'stopped'
    case 'deleting':
      return state === 'deleted'
  }
}
