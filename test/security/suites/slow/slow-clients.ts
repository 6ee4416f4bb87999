/** Clients that send, or read, as little as keeps a connection alive. */
import { connect, type Socket } from 'node:net'

export type Slowness = 'headers' | 'body' | 'reading' | 'silence'

export interface SlowClient extends Disposable {
  readonly slowness: Slowness
  readonly isOpen: () => boolean
}

const everyMs = 500

/** Resolves once it is connected and has begun. */
export function createSlowClient(url: string, slowness: Slowness, path = '/healthz'): Promise<SlowClient> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let open = true
    let dribble: NodeJS.Timeout | undefined
    const socket = connect(Number(port), hostname)
    socket.once('error', reject)
    socket.once('close', () => {
      open = false
      clearInterval(dribble)
    })
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('error', () => undefined)
      begin(socket, slowness, path)
      if (slowness !== 'silence') dribble = setInterval(() => open && socket.write('x'), everyMs)
      resolve({ slowness, isOpen: () => open, [Symbol.dispose]: () => void socket.destroy() })
    })
    // Whoever does not read never learns that the other side has ended, unless it tries to.
    if (slowness === 'reading') socket.pause()
    else socket.resume()
  })
}

function begin(socket: Socket, slowness: Slowness, path: string): void {
  const head = `HTTP/1.1\r\nHost: localhost\r\n`
  if (slowness === 'headers') socket.write(`GET ${path} ${head}X-Slow: `)
  if (slowness === 'body')
    socket.write(`POST /v1/auth/login ${head}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"username":"`)
  if (slowness === 'reading') socket.write(`GET /openapi.json ${head}\r\n`.repeat(50))
}
