/** What may happen to a node, at random: histories for the recorder and the replay. */
import fc from 'fast-check'
import { AppError } from '../../../../src/core/errors.ts'
import type { DesiredTenant } from '../../../../src/core/tenant.ts'
import { deleting } from '../../../actors/support/samples.ts'
import { type Rig, settled, tenantIdAt } from './rig.ts'

export type Step = (rig: Rig) => unknown

/** Two of them share a supervisor. */
const tenants = [tenantIdAt(0), tenantIdAt(64), tenantIdAt(1)]

const tenant = fc.constantFrom(...tenants)
const worker = fc.integer({ min: 1, max: 3 })
const outage = new AppError('database.unavailable', 'the database is away', { retryable: true, scope: 'process' })
const bug = new TypeError('boom')

const wishes: readonly Partial<DesiredTenant>[] = [
  { status: 'active' },
  { status: 'active', workers: 3 },
  { status: 'active', workers: 1, config: { password: 'canary-config' } },
  { status: 'paused' },
  { status: 'drained' },
  { restartGeneration: 1 },
  { restartGeneration: 2 },
  deleting('drain', 5_000),
  deleting('discard'),
]

const say = (child: string, event: { readonly type: string }): fc.Arbitrary<Step> =>
  tenant.map((id) => (rig) => rig.say(`tenant:${id}.${child}`, event))
const answer = (name: string, ...outcomes: readonly unknown[]): fc.Arbitrary<Step> =>
  fc.constantFrom(...outcomes).map((outcome) => (rig: Rig) => rig.answer(name, outcome))
const sayLoop = (event: { readonly type: string }): fc.Arbitrary<Step> =>
  fc.tuple(tenant, worker).map(
    ([id, index]) =>
      (rig) =>
        rig.say(`tenant:${id}.worker:${index}.loop`, event),
  )

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(tenant, fc.constantFrom(...wishes)).map(
      ([id, wish]) =>
        (rig: Rig) =>
          rig.desire(id, wish),
    ),
  },
  { weight: 12, arbitrary: answer('provision', undefined, undefined, undefined, outage, bug) },
  { weight: 12, arbitrary: say('consumer', { type: 'consumer.opened' }) },
  { weight: 2, arbitrary: say('consumer', { type: 'session.settled' }) },
  { weight: 2, arbitrary: say('consumer', { type: 'consumer.closed' }) },
  { weight: 1, arbitrary: say('consumer', { type: 'consumer.lost', reason: 'gone: password=canary-reason' } as never) },
  { weight: 2, arbitrary: say('watchQueue', { type: 'queue.emptied' }) },
  {
    weight: 4,
    arbitrary: fc.tuple(tenant, worker).map(
      ([id, n]) =>
        (rig: Rig) =>
          rig.send(`tenant:${id}.worker:${n}`, { type: 'mailbox.ready' }),
    ),
  },
  { weight: 3, arbitrary: sayLoop({ type: 'loop.emptied' }) },
  { weight: 2, arbitrary: sayLoop({ type: 'loop.crashed', reason: 'boom' } as never) },
  { weight: 2, arbitrary: answer('purge', 'purged', 'busy', outage) },
  { weight: 2, arbitrary: answer('connect', undefined, new Error('refused')) },
  { weight: 2, arbitrary: answer('probe', undefined, outage) },
  {
    weight: 2,
    arbitrary: answer(
      'claim',
      { count: 0, more: false, nextDueAtMs: undefined, tookMs: 1 },
      { count: 2, more: true, nextDueAtMs: 5, tookMs: 9 },
      outage,
    ),
  },
  { weight: 1, arbitrary: answer('republish', undefined, outage) },
  {
    weight: 1,
    arbitrary: answer('readDesired', { kind: 'some', tenants: [], missing: [tenantIdAt(1)] }, { kind: 'all', tenants: [] }, outage),
  },
  { weight: 1, arbitrary: fc.constant<Step>((rig) => rig.say('ledger.watchCommitter', { type: 'commit.failed', reason: 'away' })) },
  { weight: 1, arbitrary: fc.constant<Step>((rig) => rig.say('brokerLink.watchBroker', { type: 'broker.lost', reason: 'gone' })) },
  {
    weight: 1,
    arbitrary: fc.nat(9).map((ms) => (rig: Rig) => rig.say('retryScheduler.watchDue', { type: 'retry.due', atMs: Date.now() + ms })),
  },
  { weight: 1, arbitrary: fc.constant<Step>((rig) => rig.crashNext(bug)) },
  { weight: 1, arbitrary: fc.constant<Step>((rig) => rig.root.send({ type: 'manager.abort' })) },
  { weight: 4, arbitrary: fc.constantFrom(50, 200, 1_000, 11_000, 301_000).map((ms) => (rig: Rig) => rig.clock.increment(ms)) },
)

const steps = fc.array(step, { minLength: 20, maxLength: 120, size: 'max' })
const drain: Step = (rig) => rig.root.send({ type: 'manager.drain' })

/** Some end with the node's end. */
export const history: fc.Arbitrary<readonly Step[]> = fc.oneof(
  steps,
  fc.tuple(steps, steps).map(([before, after]) => [...before, drain, ...after]),
)

export async function perform(rig: Rig, steps: readonly Step[]): Promise<void> {
  for (const id of tenants) rig.desire(id)
  for (const each of steps) {
    if (rig.root.getSnapshot().status !== 'active') return
    await each(rig)
    await settled()
  }
}
