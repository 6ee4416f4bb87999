/** What has been started, and how it is stopped: in reverse order. */

export interface Disposers {
  add(dispose: () => Promise<void>): void
  /** In reverse order; one that fails does not keep the others from running. Tolerates twice. */
  dispose(): Promise<void>
}

export function createDisposers(): Disposers {
  const disposers: (() => Promise<void>)[] = []
  return {
    add: (dispose) => void disposers.push(dispose),
    async dispose() {
      for (let dispose = disposers.pop(); dispose; dispose = disposers.pop()) await dispose().catch(() => {})
    },
  }
}
