/** Notes that something was used, at most once a minute for each, without anybody waiting for it. */

export interface UseNotes {
  /** Never throws. */
  used(id: string): void
}

const intervalMs = 60_000
const maxNoted = 10_000

/** `note` may fail: the next use a minute later notes it again. */
export function createUseNotes(note: (id: string) => Promise<unknown>, now: () => number): UseNotes {
  const notedAtMs = new Map<string, number>()

  return {
    used(id) {
      if (now() - (notedAtMs.get(id) ?? Number.NEGATIVE_INFINITY) < intervalMs) return
      notedAtMs.delete(id)
      if (notedAtMs.size >= maxNoted) notedAtMs.delete(notedAtMs.keys().next().value ?? '')
      notedAtMs.set(id, now())
      note(id).catch(() => undefined)
    },
  }
}
