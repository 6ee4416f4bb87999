/** Gives several listeners the changes of this node's actors, and listens to the recorder only while there are any. */
import type { RecordedChange, Recorder } from './recorder.ts'

export type LocalListener = (change: RecordedChange) => void

export interface LocalChanges {
  /** Those of tasks, too, when any listener wants them. Returns the unsubscriber. */
  listen(listener: LocalListener, wantsTasks: () => boolean): () => void
}

export function createLocalChanges(recorder: Pick<Recorder, 'listen'>): LocalChanges {
  const listeners = new Map<LocalListener, () => boolean>()
  const tell: LocalListener = (change) => {
    for (const listener of listeners.keys()) listener(change)
  }
  const anyWantsTasks = (): boolean => {
    for (const wantsTasks of listeners.values()) if (wantsTasks()) return true
    return false
  }
  return {
    listen(listener, wantsTasks) {
      if (listeners.size === 0) recorder.listen(tell, anyWantsTasks)
      listeners.set(listener, wantsTasks)
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) recorder.listen(undefined)
      }
    },
  }
}
