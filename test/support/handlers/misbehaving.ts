/** Handlers that do what no handler should, each in a thread; and some that behave, to be their neighbors. */
import { AppError, ack, defineHandler, type HandlerDefinition, type Outcome, reject } from 'tenantry'
import { z } from 'zod'

type Handle = (...args: Parameters<HandlerDefinition['handle']>) => unknown

const inThread = (type: string, handle: Handle, options: Pick<HandlerDefinition, 'timeoutMs' | 'schema'> = {}): HandlerDefinition =>
  defineHandler({ type, isolation: 'thread', handle: handle as (...args: Parameters<Handle>) => Promise<Outcome | undefined>, ...options })

const forever = new Promise<never>(() => {})
const shortMs = 50

export const throwing = [
  inThread('throws', () => {
    throw new RangeError('out of range')
  }),
  inThread('throws no error', () => {
    throw { code: 7 }
  }),
  inThread('throws what cannot be read', () => {
    throw Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('y')
      },
    })
  }),
  inThread('rejects', () => Promise.reject(new TypeError('not a function'))),
  inThread('throws asynchronously', () => {
    setImmediate(() => {
      throw new SyntaxError('nobody catches this')
    })
    return forever
  }),
  inThread('rejects unseen', () => {
    void Promise.reject(new Error('nobody sees this'))
    return forever
  }),
]

export const nonsense = [
  inThread('returns a function', () => () => ack),
  inThread('returns a symbol', async () => Symbol('ack')),
  inThread('returns more than an outcome', () => ({ ...reject('no'), why: () => 'because' })),
]

export const slow = [
  inThread('never returns', () => forever, { timeoutMs: shortMs }),
  inThread(
    'returns late',
    (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(reject('too late')))),
    { timeoutMs: shortMs },
  ),
]

export const deaf = [
  inThread(
    'spins',
    () => {
      while (true);
    },
    { timeoutMs: shortMs },
  ),
  // Long enough for the compiler, which takes the check for termination out of such a loop unless it is told not to.
  inThread(
    'spins in built-in functions',
    () => {
      for (;;) new Array(1_000).fill({})
    },
    { timeoutMs: 1_000 },
  ),
  inThread('blocks', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), { timeoutMs: shortMs }),
]

export const greedy = [
  inThread('hoards objects', () => {
    for (const hoard: object[] = []; ; ) hoard.push({ size: hoard.length })
  }),
  inThread('hoards arrays', () => {
    for (const hoard: object[] = []; ; ) hoard.push(new Array(1_000).fill({}))
  }),
  inThread('hoards a map', () => {
    for (const hoard = new Map<number, object>(); ; ) hoard.set(hoard.size, {})
  }),
  inThread('hoards buffers', () => {
    for (const hoard: Buffer[] = []; ; ) hoard.push(Buffer.alloc(1_000_000, 1))
  }),
]

export const exiting = inThread('exits', () => process.exit(3))

/** An error of a run that has answered. */
export const leaving = inThread('leaves an error behind', () => {
  setImmediate(() => {
    throw new Error('left behind')
  })
})

/** Answers when its message to `gate` is published. */
export const waiting = inThread('waits', async ({ id }, { publish }) => {
  await publish({ type: 'gate', data: { from: id } })
})

export const seeing = inThread(
  'sees',
  async ({ data, priority, key, createdAt }, { tenant, attempt, logger, publish }) => {
    logger.info('seen', { by: 'thread' })
    logger.warn('strange', { handle: () => undefined })
    await publish({ type: 'seen', data: { data, priority, key, createdAt, tenant, attempt } })
  },
  { schema: z.object({ name: z.string().transform((name) => name.length) }) },
)

export const refused = inThread('is refused', async (_, { publish }) => {
  try {
    await publish({ type: 'x', data: 1 })
  } catch (error) {
    return reject(error instanceof AppError ? `${error.code}: ${error.message}` : `${error}`)
  }
  return ack
})

export const flooding = inThread('floods the log', (_, { logger }) => {
  for (let line = 0; line < 100_000; line++) logger.info('again')
})
