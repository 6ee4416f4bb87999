import { expect } from 'chai'
import { createActor } from 'xstate'
import type { ActorPorts } from '../../../actors/index.ts'
import { createTenantLogic } from '../../../actors/tenant/logic.ts'
import { createSessions } from '../../../actors/tenant/sessions.ts'
import { AppError } from '../../../src/core/errors.ts'
import type { Logger } from '../../../src/core/ports/logger.ts'
import { eventually } from '../../support/eventually.ts'
import { createDesired, policy, tenantId } from '../support/samples.ts'

/** A tenant whose queue cannot be declared, and what the node's log says. */
function startFailing(error: Error, { hasConnected = true, maxRestarts = 5 } = {}) {
  const lines: { level: string; message: string; details: unknown }[] = []
  const write = (level: string) => (message: string, details?: object) => void lines.push({ level, message, details })
  const log = { warn: write('warn'), error: write('error') } as unknown as Logger
  const ports = {
    log,
    policy: { attachConcurrency: 1 },
    broker: { declareTenant: () => Promise.reject(error) },
    tenants: { ensurePartition: async () => undefined },
  } as unknown as ActorPorts
  const logic = createTenantLogic(ports, createSessions(1), undefined as never, {
    ledger: { stalled: false },
    hasConnected: () => hasConnected,
  })
  const actor = createActor(logic, { input: { desired: createDesired(), policy: { ...policy, maxRestarts } } }).start()
  const reach = (state: 'backingOff' | 'quarantined') => eventually(() => expect(actor.getSnapshot().value).to.equal(state))
  return { lines, reach, [Symbol.dispose]: () => void actor.stop() }
}

const away = new AppError('broker.unavailable', 'the broker is not connected', { retryable: true })

describe('what the log says of tenants', () => {
  it('is nothing while the node has not reached its broker yet: nothing is lost', async () => {
    using starting = startFailing(away, { hasConnected: false })
    await starting.reach('backingOff')
    expect(starting.lines).to.deep.equal([])
  })

  it('is that they have lost their queues, also when it is something else that fails before', async () => {
    for (const { error, hasConnected } of [
      { error: away, hasConnected: true },
      { error: new Error('boom'), hasConnected: false },
    ]) {
      using failing = startFailing(error, { hasConnected })
      await failing.reach('backingOff')
      expect(failing.lines.map(({ level, details }) => ({ level, details }))).to.deep.equal([
        { level: 'warn', details: { count: 1, last: { tenant_id: tenantId, attempt: 1, reason: error.message } } },
      ])
    }
  })

  it('has no secret of an error, which the API would not show either', async () => {
    using failing = startFailing(new Error('refused: password=hunter2secret'), { maxRestarts: 0 })
    await failing.reach('quarantined')
    expect(failing.lines.map(({ level }) => level)).to.deep.equal(['warn', 'error'])
    expect(JSON.stringify(failing.lines)).to.include('password=[redacted]').and.not.include('hunter2')
  })
})
