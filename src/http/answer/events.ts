/** Answers with server-sent events, for as long as the client listens and may. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { onceClosed } from '../edge/once-closed.ts'
import { type Reply, toCommonHeaders } from './send.ts'

/** `data` is written as JSON. `id` is what the client sends as Last-Event-ID when it comes again. Neither name nor id has a line end. */
export interface ServerSentEvent {
  readonly event: string
  readonly id?: string
  readonly data: unknown
}

/** In milliseconds. */
export interface EventTiming {
  /** How long a silent stream goes without a sign of life. */
  readonly heartbeat: number
  /** How often it is asked whether the client may still listen. */
  readonly recheck: number
  /** How long a client may leave what was sent unread. */
  readonly stall: number
  /** How often it is asked whether the node drains. */
  readonly drain: number
}

export interface Watchfulness {
  /** The code that says why the client may not listen any more; undefined while it may. Rejects when nobody can say, or could lately. */
  readonly refuse: () => Promise<string | undefined>
  readonly isDraining: () => boolean
  readonly timing?: Partial<EventTiming> | undefined
}

// Whoever asks remembers the answer: to look often costs nothing, and what was revoked is heard of at once.
const defaultTiming: EventTiming = { heartbeat: 15_000, recheck: 1_000, stall: 30_000, drain: 250 }
/** When a client that lost its connection comes again. */
const retryMs = 2_000

/**
 * Resolves when the events have ended, the client has gone or was cut off because it does not read, or may not listen any more. In
 * all but the second case the last event is `bye`, with the reason. Headers are sent at once; of HEAD nothing else is.
 *
 * Errors: those of the events; the caller must then destroy the response.
 */
export async function sendEvents(
  response: ServerResponse,
  requestId: string,
  { status, headers, events }: Reply & Required<Pick<Reply, 'events'>>,
  { refuse, isDraining, timing }: Watchfulness,
): Promise<void> {
  const isHead = response.req.method === 'HEAD'
  const { heartbeat, recheck, stall, drain } = { ...defaultTiming, ...timing }
  const over = new AbortController()
  let reason = 'stream.ended'
  const end = (why: string): void => {
    if (!over.signal.aborted) reason = why
    over.abort()
  }
  const look = async (): Promise<void> => {
    try {
      const why = await refuse()
      if (why !== undefined) end(why)
    } catch {
      end('auth.unavailable')
    }
  }

  onceClosed(response, () => over.abort())
  // Before the headers: whoever has read them misses nothing of what happens then.
  const source = isHead ? [] : events(over.signal)
  response.writeHead(status, { ...eventHeaders, ...toCommonHeaders(requestId), ...headers })
  if (isHead) return void response.end()

  response.on('timeout', () => response.destroy())
  const beating = setInterval(() => beat(response, stall), heartbeat)
  const looking = setInterval(() => void look(), recheck)
  const stopAsking = onceDraining(isDraining, drain, () => end('node.draining'))
  try {
    response.write(`retry: ${retryMs}\n\n`)
    for await (const event of source) {
      if (over.signal.aborted) break
      await write(response, toText(event), { stall, signal: over.signal })
    }
    // The engine may have ended them before it was seen that the node drains.
    if (isDraining()) end('node.draining')
  } catch (error) {
    if (!over.signal.aborted) throw error
  } finally {
    for (const timer of [beating, looking]) clearInterval(timer)
    stopAsking()
    over.abort()
  }
  response.end(toText({ event: 'bye', data: { reason } }))
  response.setTimeout(stall)
}

const asking = new Map<() => boolean, { readonly told: Set<() => void>; readonly timer: NodeJS.Timeout }>()

/** One look for all streams that ask the same. Returns what ends it. */
function onceDraining(isDraining: () => boolean, everyMs: number, tell: () => void): () => void {
  const known = asking.get(isDraining)
  const told = known?.told ?? new Set()
  const look = (): void => {
    if (isDraining()) for (const each of told) each()
  }
  const timer = known?.timer ?? setInterval(look, everyMs)
  if (!known) asking.set(isDraining, { told, timer })
  told.add(tell)
  return () => {
    told.delete(tell)
    if (told.size > 0) return
    clearInterval(timer)
    asking.delete(isDraining)
  }
}

const eventHeaders = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }

/** A comment, so that proxies keep the connection. Nothing is added to what a client leaves unread: its time runs. */
function beat(response: ServerResponse, stallMs: number): void {
  if (response.writableLength > 0) {
    if (response.req.socket.timeout !== stallMs) response.setTimeout(stallMs)
    return
  }
  response.setTimeout(0)
  response.write(': still here\n\n')
}

/** Waits until the client has read so much that there is room again. */
async function write(response: ServerResponse, text: string, { stall, signal }: { stall: number; signal: AbortSignal }): Promise<void> {
  if (response.write(text)) return
  response.setTimeout(stall)
  await once(response, 'drain', { signal })
  response.setTimeout(0)
}

/** JSON has no line ends of its own. */
const toText = ({ event, id, data }: ServerSentEvent): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
