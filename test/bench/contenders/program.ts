/** The program of a contender's process: does what its parent says over IPC and answers when it is done. */
import { createBatchedLoop, createOneByOneLoop, createSerialBatchedLoop } from './amqp-loop.ts'
import { createBullmq } from './bullmq.ts'
import type { ContenderOptions } from './contender.ts'
import { createPgBossLoop, createPgBossLoops } from './pg-boss.ts'

const kinds = {
  batched: createBatchedLoop,
  serial: createSerialBatchedLoop,
  'one-by-one': createOneByOneLoop,
  bullmq: createBullmq,
  'pg-boss': createPgBossLoop,
  'pg-boss-4': createPgBossLoops,
}

export type ContenderKind = keyof typeof kinds

export type Order = { readonly do: 'preload'; readonly count: number } | { readonly do: 'start' | 'stop' | 'close' }
export type Answer = { readonly done: true } | { readonly failed: string }

if (process.send) await serve(process.argv[2] as ContenderKind, JSON.parse(process.argv[3] ?? '{}') as ContenderOptions)

async function serve(kind: ContenderKind, options: ContenderOptions): Promise<void> {
  process.on('disconnect', () => process.exit())
  const answer = (message: Answer) => process.send?.(message)
  const contender = await kinds[kind](options).catch((error: unknown) => {
    answer({ failed: String(error) })
    throw error
  })
  process.on('message', (order: Order) => {
    const done = order.do === 'preload' ? contender.preload(order.count) : contender[order.do]()
    done.then(
      () => answer({ done: true }),
      (error: unknown) => answer({ failed: String(error) }),
    )
  })
  answer({ done: true })
}
