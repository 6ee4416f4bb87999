/** Root hooks: a run fails on unhandled rejections, and when its tests leave sockets, servers or child processes behind. */
import { Socket } from 'node:net'
import type { RootHookObject } from 'mocha'
import { dropTemplate } from './database.ts'
import { pollUntil } from './services/wait.ts'

/** What keeps a process alive and is never mocha's own. */
const watched = ['TCPSocketWrap', 'TCPServerWrap', 'TLSWrap', 'ProcessWrap', 'Worker']

// Mocha 12 leaves unhandled rejections to the process, where its own listener keeps them from ending it.
process.on('unhandledRejection', (reason) => {
  throw reason instanceof Error ? reason : new Error(`unhandled rejection: ${reason}`)
})

let before: readonly string[] = []

export const mochaHooks: RootHookObject = {
  beforeAll() {
    before = listResources()
  },
  async afterAll() {
    await dropTemplate()
    // A closed socket disappears some turns of the event loop later.
    await pollUntil(15_000, 'the tests leave nothing open', () => leftover().length === 0).catch((error: Error) => {
      throw new Error(`${error.message}; still there: ${leftover().join(', ')}${describeSockets()}`)
    })
  },
}

const listResources = (): readonly string[] => process.getActiveResourcesInfo().filter((name) => watched.includes(name))

function leftover(): readonly string[] {
  const known = [...before]
  return listResources().filter((name) => {
    const index = known.indexOf(name)
    if (index >= 0) known.splice(index, 1)
    return index < 0
  })
}

/** Where the open sockets lead, to find the test that left them: Node tells only its debuggers. */
function describeSockets(): string {
  const readHandles: unknown = Reflect.get(process, '_getActiveHandles')
  const handles: unknown = typeof readHandles === 'function' ? readHandles.call(process) : []
  const sockets = (Array.isArray(handles) ? handles : []).filter((handle) => handle instanceof Socket && handle.remotePort !== undefined)
  return sockets.map((socket: Socket) => ` (${socket.localPort} → ${socket.remoteAddress}:${socket.remotePort})`).join('')
}
