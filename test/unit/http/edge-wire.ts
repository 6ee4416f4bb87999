/** Speaks to a server byte by byte, as no client library would. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Wire extends AsyncDisposable {
  readonly socket: Socket
  /** Everything that has come so far. */
  readonly text: () => string
  send(text: string): void
  /** Resolves with everything that has come once the connection is closed. */
  readonly closed: Promise<string>
}

export async function openWire(port: number): Promise<Wire> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk) => {
    text += chunk
  })
  // A server that cuts the connection is what these tests are about.
  socket.on('error', () => undefined)
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
  await once(socket, 'connect')
  return {
    socket,
    text: () => text,
    send: (more) => void socket.write(more),
    closed,
    async [Symbol.asyncDispose]() {
      socket.destroy()
      await closed
    },
  }
}

/** What the server answers to `text` until it closes the connection. */
export async function speak(port: number, text: string): Promise<string> {
  await using wire = await openWire(port)
  wire.send(text)
  return await wire.closed
}

/** The status, the headers in lower case, and the problem or other JSON of an answer. */
export function readAnswer(text: string) {
  const [head = '', body = ''] = text.split(/\r\n\r\n/, 2)
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the server answered
  const json = (body === '' ? undefined : JSON.parse(body)) as any
  return { status: Number(statusLine.split(' ')[1]), headers, body: json }
}
