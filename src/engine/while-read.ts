/** Work that is repeated as long as somebody reads what it finds out. */

export interface WhileRead {
  /** Somebody reads now: the work goes on for `keepMs` from here. */
  read(): void
  stop(): void
}

export interface WhileReadOptions {
  /** Between the end of a turn and the next one. */
  readonly everyMs: number
  readonly keepMs?: number
  /** Must not reject. */
  readonly work: () => Promise<void>
}

export function createWhileRead({ everyMs, keepMs = 60_000, work }: WhileReadOptions): WhileRead {
  let readAtMs = Number.NEGATIVE_INFINITY
  let working = false
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  const turn = async (): Promise<void> => {
    await work()
    working = !stopped && performance.now() - readAtMs <= keepMs
    if (working) timer = setTimeout(() => void turn(), everyMs).unref()
  }

  return {
    read() {
      readAtMs = performance.now()
      if (working || stopped) return
      working = true
      void turn()
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
