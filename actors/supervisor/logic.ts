/** The supervisor machine with its shells. */
import type { ActorPorts } from '../ports.ts'
import type { TenantLogic } from '../tenant/logic.ts'
import type { Sessions } from '../tenant/sessions.ts'
import { supervisorMachine, toTenantId } from './machine.ts'

export function createSupervisorLogic(
  ports: Pick<ActorPorts, 'log' | 'metrics'>,
  sessions: Sessions,
  tenant: TenantLogic,
  onReleased: OnReleased,
) {
  return supervisorMachine.provide({
    actors: { tenant },
    actions: {
      releaseTenant: ({ event }) => {
        if (!('actorId' in event)) return
        const tenantId = toTenantId(event.actorId)
        sessions.forget(tenantId)
        onReleased(tenantId)
      },
      logCrash: ({ event }) => {
        if (!('error' in event)) return
        ports.metrics.tenantRestarted()
        ports.log.error('a tenant actor crashed', { tenant_id: toTenantId(event.actorId), error: event.error })
      },
    },
  })
}

type OnReleased = (tenantId: Parameters<Sessions['forget']>[0]) => void

export type SupervisorLogic = ReturnType<typeof createSupervisorLogic>
