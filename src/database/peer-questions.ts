/** The questions of this node that other nodes have not all answered yet. */
import type { PeerAnswers } from '../core/ports/peers.ts'
import type { ReceivedLetter } from './peer-assembly.ts'

export interface Questions {
  /** Resolves when each of the nodes has answered or refused, at the deadline, or when it is given up. */
  open(id: string, nodes: readonly string[], deadlineMs: number): Promise<PeerAnswers>
  isOpen(id: string): boolean
  /** Takes an answer or a refusal; not one that nobody waits for. */
  take(letter: ReceivedLetter): void
  giveUp(id: string): void
  close(): void
}

interface Question {
  readonly silent: Set<string>
  readonly answers: Map<string, unknown>
  readonly settle: () => void
}

/** Nobody asks so much; an answer to each may be a megabyte. */
const maxOpen = 500

export function createQuestions(): Questions {
  const questions = new Map<string, Question>()

  return {
    open(id, nodes, deadlineMs) {
      if (questions.size >= maxOpen) return Promise.resolve({ answers: [], missing: nodes })
      const answers = new Map<string, unknown>()
      return new Promise((resolve) => {
        const settle = (): void => {
          clearTimeout(timer)
          questions.delete(id)
          // In the order of the nodes, whichever was faster.
          resolve({
            answers: nodes.filter((node) => answers.has(node)).map((node) => ({ node, answer: answers.get(node) })),
            missing: nodes.filter((node) => !answers.has(node)),
          })
        }
        const timer = setTimeout(settle, deadlineMs)
        questions.set(id, { silent: new Set(nodes), answers, settle })
      })
    },
    isOpen: (id) => questions.has(id),
    take({ kind, about, from, body }) {
      const question = questions.get(about ?? '')
      if (question === undefined || !question.silent.delete(from)) return
      if (kind === 'answer' && body !== undefined) question.answers.set(from, body)
      if (question.silent.size === 0) question.settle()
    },
    giveUp: (id) => questions.get(id)?.settle(),
    close() {
      for (const { settle } of questions.values()) settle()
    },
  }
}
