/** What waits to be shown, at a pace that leaves a busy node alone. */

/** How many wait, how often and how many at once are shown: a busy node is shown in part. */
const maxWaiting = 1_000
const everyMs = 50
const maxAtOnce = 20

/** `add` costs the engine a line in a list, and never throws; `show` may, and is called while `isReady` alone. */
export function createShowQueue<Item>(show: (item: Item) => void, isReady: () => boolean) {
  const waiting: Item[] = []
  let timer: NodeJS.Timeout | undefined

  function showSome(): void {
    timer = undefined
    if (isReady()) {
      for (const item of waiting.splice(0, maxAtOnce)) {
        try {
          show(item)
        } catch {
          // What cannot be shown is left out.
        }
      }
    }
    if (waiting.length > 0) showSoon()
  }

  function showSoon(): void {
    timer ??= setTimeout(showSome, everyMs).unref()
  }

  return {
    add(item: Item): void {
      if (waiting.length >= maxWaiting) return
      waiting.push(item)
      showSoon()
    },
    stop(): void {
      clearTimeout(timer)
      waiting.length = 0
    },
  }
}
