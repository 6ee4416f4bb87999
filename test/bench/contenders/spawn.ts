/** Starts a contender in a process of its own. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Contender, ContenderOptions } from './contender.ts'
import type { Answer, ContenderKind, Order } from './program.ts'

const program = fileURLToPath(new URL('./program.ts', import.meta.url))

/** The process ends with close(), or with this one. */
export async function spawnContender(kind: ContenderKind, options: ContenderOptions): Promise<Contender> {
  const child = fork(program, [kind, JSON.stringify(options)])
  const answered = async (): Promise<void> => {
    const waiting = new AbortController()
    const options = { signal: waiting.signal }
    const ended = once(child, 'exit', options).then(([code]) => [{ failed: `the process ended with ${code}` }])
    ended.catch(() => {})
    const [answer] = (await Promise.race([once(child, 'message', options), ended])) as [Answer]
    waiting.abort()
    if ('failed' in answer) throw new Error(`${kind}: ${answer.failed}`)
  }
  const order = async (message: Order): Promise<void> => {
    const done = answered()
    child.send(message)
    await done
  }
  await answered()
  return {
    preload: (count) => order({ do: 'preload', count }),
    start: () => order({ do: 'start' }),
    stop: () => order({ do: 'stop' }),
    async close() {
      await order({ do: 'close' })
      child.disconnect()
    },
  }
}
