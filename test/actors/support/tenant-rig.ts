/** A tenant machine on a simulated clock, around which the test itself plays everything that the shells do. */
import { type AnyActorRef, type CallbackActorLogic, createActor, fromCallback, fromPromise, SimulatedClock } from 'xstate'
import type { ConsumerReport } from '../../../actors/consumer/consumer.ts'
import type { TenantCommand } from '../../../actors/tenant/events.ts'
import { tenantMachine } from '../../../actors/tenant/machine.ts'
import type { TenantInput } from '../../../actors/tenant/setup.ts'
import { type TenantStatusReport, toTenantStatus } from '../../../actors/tenant/status.ts'
import type { WorkerEvent } from '../../../actors/worker/machine.ts'
import { workerMachine } from '../../../actors/worker/machine.ts'
import type { DesiredTenant } from '../../../src/core/tenant.ts'
import { type Calls, createCalls } from './deferred.ts'
import { createDesired, policy } from './samples.ts'

type Send<Event> = (event: Event) => void

export interface TenantRig {
  readonly actor: ReturnType<typeof createTenantActor>
  readonly clock: SimulatedClock
  readonly provision: Calls<unknown, void>
  readonly purge: Calls<unknown, 'purged' | 'busy'>
  /** What the consumer was told, oldest first. */
  readonly commands: string[]
  /** Actions that the shell would have carried out. */
  readonly shell: string[]
  /** The ledger's own state, as the shell sees it. */
  ledgerStalled: boolean
  send(event: TenantCommand): void
  desire(changes: Partial<DesiredTenant>): void
  consumer(report: ConsumerReport): void
  emptied(): void
  /** Makes the worker busy, so that it answers `worker.finish` only when its loop does. */
  occupy(index: number): void
  loop(index: number, event: WorkerEvent): void
  worker(index: number): AnyActorRef | undefined
  readonly status: TenantStatusReport
  readonly value: string
  readonly error: unknown
}

const createTenantActor = (machine: typeof tenantMachine, clock: SimulatedClock, input: TenantInput) =>
  createActor(machine, { clock, input })

export function startTenant(desired: Partial<DesiredTenant> = {}, input: Partial<TenantInput> = {}): TenantRig {
  const clock = new SimulatedClock()
  const provision = createCalls<unknown, void>()
  const purge = createCalls<unknown, 'purged' | 'busy'>()
  const commands: string[] = []
  const shell: string[] = []
  const loops = new Map<number, Send<WorkerEvent>>()
  let report: Send<ConsumerReport> = () => {}
  let reportEmptied: Send<{ type: 'queue.emptied' }> = () => {}
  let wanted = createDesired(desired)
  let error: unknown
  const note = (name: string) => () => void shell.push(name)

  const worker = workerMachine.provide({
    actors: {
      deliveryLoop: fromCallback(({ sendBack, self }) => {
        loops.set(Number((self as unknown as { _parent: AnyActorRef })._parent.id.slice('worker:'.length)), sendBack)
      }) as CallbackActorLogic<{ type: 'loop.finish' }, { tenantId: DesiredTenant['id']; worker: number }>,
    },
  })
  const rig = { ledgerStalled: false }
  const machine = tenantMachine.provide({
    actors: {
      provision: fromPromise(() => provision.call(undefined)),
      purge: fromPromise(() => purge.call(undefined)),
      consumer: fromCallback(({ sendBack, receive }) => {
        report = sendBack
        receive(({ type }) => commands.push(type))
      }),
      deadLetters: fromCallback(() => undefined),
      watchQueue: fromCallback(({ sendBack }) => {
        reportEmptied = sendBack
      }),
      worker,
    },
    guards: { ledgerStalled: () => rig.ledgerStalled },
    actions: {
      openSession: note('openSession'),
      shutMailbox: note('shutMailbox'),
      applyConfig: note('applyConfig'),
      abortHandlers: note('abortHandlers'),
      logQuarantine: note('logQuarantine'),
    },
  })
  const actor = createTenantActor(machine, clock, { desired: wanted, policy, ...input })
  actor.subscribe({
    error: (thrown) => {
      error = thrown
    },
  })
  actor.start()
  const workerOf = (index: number): AnyActorRef | undefined => Reflect.get(actor.getSnapshot().children, `worker:${index}`)

  return Object.defineProperties(
    {
      actor,
      clock,
      provision,
      purge,
      commands,
      shell,
      send: (event: TenantCommand) => actor.send(event),
      desire(changes: Partial<DesiredTenant>) {
        wanted = { ...wanted, version: wanted.version + 1, ...changes }
        actor.send({ type: 'tenant.desire', desired: wanted })
      },
      consumer: (event: ConsumerReport) => report(event),
      emptied: () => reportEmptied({ type: 'queue.emptied' }),
      occupy: (index: number) => workerOf(index)?.send({ type: 'mailbox.ready' }),
      loop: (index: number, event: WorkerEvent) => loops.get(index)?.(event),
      worker: workerOf,
    } as unknown as TenantRig,
    {
      ledgerStalled: {
        get: () => rig.ledgerStalled,
        set: (stalled: boolean) => {
          rig.ledgerStalled = stalled
        },
      },
      status: { get: () => toTenantStatus(actor.getSnapshot()) },
      value: { get: () => describeValue(actor.getSnapshot().value) },
      error: { get: () => error },
    },
  )
}

/** `attached.draining` for nested states; parallel ones side by side, joined by `+`. */
export function describeValue(value: string | object): string {
  if (typeof value === 'string') return value
  return Object.entries(value)
    .map(([name, inner]) => `${name}.${describeValue(inner)}`)
    .join('+')
}

/** A tenant whose consumer is open. */
export async function startAttached(desired: Partial<DesiredTenant> = {}, input: Partial<TenantInput> = {}): Promise<TenantRig> {
  const rig = startTenant(desired, input)
  await rig.provision.resolve()
  rig.consumer({ type: 'consumer.opened' })
  return rig
}
