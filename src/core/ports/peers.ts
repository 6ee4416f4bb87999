/** The peers port: short talks between the nodes of an installation. */

export interface PeerAnswers {
  readonly answers: readonly { readonly node: string; readonly answer: unknown }[]
  /** Nodes that live and have not answered in time, or could not. */
  readonly missing: readonly string[]
}

/**
 * Topics are short lower-case words; questions, answers and news are JSON of up to about a megabyte, sent in parts.
 *
 * What is said may be lost, never garbled: whoever asks is told who has not answered, and news is only a hint.
 * Errors: none; a peer's failure is a missing answer.
 */
export interface Peers {
  /** This node. */
  readonly nodeId: string
  /** The other live nodes; those known last while the database does not answer. */
  others(): Promise<readonly string[]>
  /** Asks every other live node, or one of them. With no other node it resolves at once. */
  ask(topic: string, question: unknown, options?: { readonly deadlineMs?: number; readonly node?: string }): Promise<PeerAnswers>
  /** Answers what other nodes ask. Returns the unregisterer. */
  answer(topic: string, responder: (question: unknown, from: string) => unknown): () => void
  /** Tells every other node, or one of them. */
  tell(topic: string, news: unknown, node?: string): void
  /** Hears what other nodes tell. Returns the unsubscriber. */
  hear(topic: string, listener: (news: unknown, from: string) => void): () => void
}
