/** Runs a task again and again, never twice at once, each pause drawn from ±20 % so that nodes spread out. */

export interface Repeater {
  /** No run starts after this; one under way goes on. Tolerates twice. */
  stop(): void
}

/** Shape: `task` never rejects. */
export function repeat(everyMs: number, task: () => Promise<void>): Repeater {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const schedule = () => {
    timer = setTimeout(
      async () => {
        await task()
        if (!stopped) schedule()
      },
      everyMs * (0.8 + Math.random() * 0.4),
    )
  }
  schedule()
  return {
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
