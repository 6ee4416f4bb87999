/** Gives several listeners the changes of this node's actors, and listens to the recorder only while there are any. */
import type { RecordedChange, Recorder } from './recorder.ts'

export type LocalListener = (change: RecordedChange) => void

export interface LocalChanges {
  /** Returns the unsubscriber. */
  listen(listener: LocalListener): () => void
}

export function createLocalChanges(recorder: Pick<Recorder, 'listen'>): LocalChanges {
  const listeners = new Set<LocalListener>()
  const tell: LocalListener = (change) => {
    for (const listener of listeners) listener(change)
  }
  return {
    listen(listener) {
      if (listeners.size === 0) recorder.listen(tell)
      listeners.add(listener)
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) recorder.listen(undefined)
      }
    },
  }
}
