/** Answers the questions of other nodes: not too many at once, and whatever happens. */
import { AppError } from '../core/errors.ts'
import type { Peers } from '../core/ports/peers.ts'

export type Responder = Parameters<Peers['answer']>[1]

/** What a question leads to. `error` says what went wrong here, where the other node cannot know. */
export type Response = { readonly answer: unknown } | { readonly error: Error } | undefined

export interface Responders {
  /** The last one for a topic answers. Returns the unregisterer. */
  register(topic: string, responder: Responder): () => void
  /** undefined when this node has no answer to give: it knows no such topic, or is asked too much. Never rejects. */
  respond(topic: string, question: unknown, from: string): Promise<Response>
}

const maxAtOnce = 50
/** Whoever has asked has given up long before. */
const maxAnswerMs = 10_000

export function createResponders(): Responders {
  const responders = new Map<string, Responder>()
  let running = 0
  return {
    register(topic, responder) {
      responders.set(topic, responder)
      return () => {
        if (responders.get(topic) === responder) responders.delete(topic)
      }
    },
    async respond(topic, question, from) {
      const responder = responders.get(topic)
      if (responder === undefined || question === undefined || running >= maxAtOnce) return undefined
      running += 1
      try {
        return { answer: await inTime(async () => responder(question, from)) }
      } catch (error) {
        return { error: new AppError('internal', `a question of another node about "${topic}" was not answered`, { cause: error }) }
      } finally {
        running -= 1
      }
    },
  }
}

async function inTime<T>(work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${maxAnswerMs} ms`)), maxAnswerMs).unref()
  })
  try {
    return await Promise.race([work(), tooLate])
  } finally {
    clearTimeout(timer)
  }
}
