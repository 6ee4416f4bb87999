import { expect } from 'chai'
import { createEngine, type EnginePorts } from '../../../src/engine/engine.ts'
import { eventually } from '../../support/eventually.ts'

/** A node without tenants, and a database that answers with what no engine can read. */
function startEngine() {
  const answering = new Set<string>()
  const fatal: Error[] = []
  const none = (): void => {}
  const never = () => new Promise<never>(none)
  const left: string[] = []
  const ports = {
    broker: { kind: 'rabbitmq', connect: never, subscribe: () => none },
    tenants: { desired: async () => ({}) },
    messages: { ping: async () => undefined },
    hints: { subscribe: () => none },
    nodes: { report: async () => undefined, leave: async () => void left.push('here') },
    peers: {
      nodeId: 'here',
      answer(topic: string) {
        answering.add(topic)
        return () => void answering.delete(topic)
      },
      tell: none,
      hear: () => none,
      others: async () => [],
    },
    metrics: new Proxy({}, { get: () => none }),
    log: { debug: none, info: none, warn: none, error: none },
    policy: {
      attachConcurrency: 1,
      ledger: { maxInFlight: 1 },
      restart: {},
      retry: {},
      circuit: {},
      reconnect: {},
      retention: {},
      reconcileIntervalMs: 60_000,
    },
  } as unknown as EnginePorts
  const engine = createEngine(ports, {
    ...{ runsTenants: false, idempotencyKeepMs: 1, defaultWorkers: 1, topTenants: 0 },
    onFatal: (error) => fatal.push(error),
  })
  engine.start().catch(none)
  return { engine, fatal, answering, left }
}

describe('an engine whose root has crashed', () => {
  it('ends its watches and answers no node when it is drained', async () => {
    const { engine, fatal, answering, left } = startEngine()
    const watched = engine.inspection.watch({}, { maxPerSecond: 1, signal: new AbortController().signal })
    await eventually(() => expect(fatal).to.have.length(1))
    expect([...answering]).to.include.members(['actor', 'facts'])
    expect(await engine.drain(1_000)).to.deep.equal({ complete: true, orphans: [] })
    expect([[...answering], left]).to.deep.equal([[], ['here']])
    // It goes no further than what had happened.
    for await (const { type } of watched) expect(type).to.equal('change')
  })
})
