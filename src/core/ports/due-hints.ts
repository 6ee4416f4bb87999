/** The due hints port: a note to every node that a message is due at a time, so that a scheduler that sleeps wakes for it. */
export interface DueHints {
  /** Best effort; never rejects. Of many notes in a moment the earliest is passed on. */
  announce(atMs: number): void
  /** Calls back for the notes of every node, this one included. Returns the unsubscriber. */
  subscribe(listener: (atMs: number) => void): () => void
}
