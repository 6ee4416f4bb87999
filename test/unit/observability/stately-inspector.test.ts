import { once } from 'node:events'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { expect } from 'chai'
import { assign, createActor, fromCallback, setup } from 'xstate'
import { type StatelyInspector, startStatelyInspector } from '../../../src/observability/stately-inspector.ts'
import { eventually } from '../../support/eventually.ts'
import { pickPorts } from '../../support/services/ports.ts'

const canary = 'canary-0123456789'

interface Shown {
  readonly type: string
  readonly name?: string
  readonly snapshot?: { readonly value?: unknown; readonly context?: unknown }
}

function collectLines() {
  const lines: { level: string; message: string; details: unknown }[] = []
  const at = (level: string) => (message: string, details?: unknown) => void lines.push({ level, message, details })
  return { lines, log: { info: at('info'), warn: at('warn') } }
}

/** One who looks at a node as Stately's page does. */
async function openViewer(port: number, host = '127.0.0.1') {
  const socket = new WebSocket(`ws://${host}:${port}`)
  const texts: string[] = []
  socket.onmessage = ({ data }) => texts.push(String(data))
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error('refused'))
  })
  const closed = new Promise<void>((resolve) => {
    socket.onclose = () => resolve()
  })
  return { texts, shown: () => texts.map((text) => JSON.parse(text) as Shown), socket, closed }
}

const machine = setup({
  types: { context: {} as Record<string, unknown>, events: {} as { type: 'go'; token: string } },
  actors: { loop: fromCallback<{ type: 'x' }, { password: string }>(() => {}) },
}).createMachine({
  id: 'light',
  context: { password: canary, nested: { apiKey: canary }, text: `password=${canary}`, strange: () => canary, big: 1n, none: undefined },
  invoke: { src: 'loop', input: { password: canary } },
  initial: 'red',
  states: {
    red: { on: { go: { target: 'green', actions: assign({ self: ({ self }) => self, at: () => new Date(0) }) } } },
    green: {},
  },
})

describe('Stately’s inspector', () => {
  it('shows actors, their events and their states to whoever looks from this machine, without secrets', async () => {
    const [port = 0] = await pickPorts(1)
    const { lines, log } = collectLines()
    const inspector = (await startStatelyInspector({ port, log })) as StatelyInspector
    try {
      expect(lines).to.deep.equal([
        { level: 'info', message: `Stately’s inspector shows the actors at http://localhost:${port}`, details: undefined },
      ])
      const viewer = await openViewer(port)
      const actor = createActor(machine, { inspect: inspector.inspect }).start()
      actor.send({ type: 'go', token: canary })
      await eventually(() => viewer.shown().some(({ type, snapshot }) => type === '@xstate.snapshot' && snapshot?.value === 'green'))
      expect(new Set(viewer.shown().map(({ type }) => type))).to.deep.equal(new Set(['@xstate.actor', '@xstate.event', '@xstate.snapshot']))
      expect([...new Set(viewer.shown().flatMap(({ name }) => name ?? []))], 'machines').to.deep.equal(['light'])
      expect(viewer.texts.join('')).to.include('[redacted]').and.to.not.include(canary)
      // More than the server remembers: one who comes later is shown what lives all the same.
      for (let n = 0; n < 150; n++) actor.send({ type: 'go', token: canary })
      await eventually(() => viewer.texts.length > 300)
      const late = await openViewer(port)
      await eventually(() => late.shown().some(({ type, name }) => type === '@xstate.actor' && name === 'light'))
      actor.stop()
      inspector.stop()
      await Promise.all([viewer.closed, late.closed])
    } finally {
      inspector.stop()
    }
  })

  it('shows a busy node in part, and is never in its way', async () => {
    const [port = 0] = await pickPorts(1)
    const inspector = (await startStatelyInspector({ port, log: collectLines().log })) as StatelyInspector
    try {
      const viewer = await openViewer(port)
      const odd = { type: '@xstate.event', get actorRef(): never { throw new Error('odd') } } // biome-ignore format: one line
      inspector.inspect(odd as never)
      inspector.inspect({ type: '@xstate.snapshot', rootId: 'x', actorRef: null, snapshot: null, event: null } as never)
      const actor = createActor(machine, { inspect: inspector.inspect }).start()
      for (let index = 0; index < 50_000; index++) actor.send({ type: 'go', token: `${index}` })
      await eventually(() => viewer.texts.length > 20)
      actor.stop()
    } finally {
      inspector.stop()
    }
  })

  it('lets nobody in from elsewhere', async () => {
    const address = Object.values(networkInterfaces())
      .flat()
      .find((each) => each && !each.internal && each.family === 'IPv4')?.address
    if (address === undefined) return
    const [port = 0] = await pickPorts(1)
    const inspector = (await startStatelyInspector({ port, log: collectLines().log })) as StatelyInspector
    try {
      expect(await openViewer(port, address).catch(({ message }) => message)).to.equal('refused')
    } finally {
      inspector.stop()
    }
  })

  it('is not offered where its package is not installed or its port is taken, and says so once', async () => {
    const { lines, log } = collectLines()
    const load = () => Promise.reject(new Error("Cannot find package '@statelyai/inspect'"))
    expect(await startStatelyInspector({ port: 1, log, load })).to.equal(undefined)
    const server = createServer().listen(0)
    await once(server, 'listening')
    const port = Number(Object(server.address()).port)
    expect(await startStatelyInspector({ port, log })).to.equal(undefined)
    server.close()
    expect(lines.map(({ level, message }) => [level, message])).to.deep.equal(
      Array.from({ length: 2 }, () => ['warn', 'Stately’s inspector is not offered']),
    )
    expect(JSON.stringify(lines[0]?.details)).to.include('@statelyai/inspect')
    expect(JSON.stringify(lines[1]?.details)).to.include('EADDRINUSE')
  })
})
