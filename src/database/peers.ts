/** Talks between the nodes of an installation, by sealed notes through PostgreSQL. */
import { randomBytes } from 'node:crypto'
import { AppError, toError } from '../core/errors.ts'
import type { Peers } from '../core/ports/peers.ts'
import type { Nodes } from '../core/ports/tenant-store.ts'
import type { Listener } from './listener.ts'
import { createAssembly, type ReceivedLetter } from './peer-assembly.ts'
import { type Letter, type LetterPart, readPart } from './peer-letters.ts'
import { createOutbox } from './peer-outbox.ts'
import { createQuestions } from './peer-questions.ts'
import { createResponders } from './peer-responders.ts'
import { createRoster } from './peer-roster.ts'
import { createNoteSeal } from './peer-seal.ts'

export interface PeersOptions {
  readonly listener: Pick<Listener, 'listen' | 'notify' | 'flush'>
  readonly nodes: Pick<Nodes, 'alive'>
  readonly nodeId: string
  /** Of 32 bytes, the same on every node: the first seals, all open. Nodes without a common key do not hear each other. */
  readonly keys: readonly Buffer[]
  /** Hears why something was not sent, answered or heard. Must not throw. */
  readonly onError: (error: Error) => void
}

type Hearer = Parameters<Peers['hear']>[1]

const channel = 'peers'
const defaultDeadlineMs = 2_000
const strangersQuietMs = 60_000

/** Sends nothing while there is no other node. With `close` whoever waits goes on without the answers; it tolerates twice. */
export function createPeers({ listener, nodes, nodeId, keys, onError }: PeersOptions): Peers & { close(): void } {
  const seal = createNoteSeal(keys)
  const assembly = createAssembly()
  const roster = createRoster({ nodes, nodeId, onError })
  const outbox = createOutbox({ listener, channel, seal, onUnsendable })
  const questions = createQuestions()
  const responders = createResponders()
  const hearers = new Map<string, Set<Hearer>>()
  let isClosed = false
  let quietUntil = 0

  const newLetter = (fields: Pick<Letter, 'kind' | 'topic'> & Partial<Letter>): Letter => {
    return { id: randomBytes(12).toString('base64url'), from: nodeId, to: null, about: null, ...fields }
  }

  const stopListening = listener.listen(channel, (note) => {
    const plain = seal.open(note)
    if (plain === undefined) noteStranger()
    const part = plain === undefined ? undefined : readPart(plain)
    if (part === undefined || !concernsMe(part)) return
    const letter = assembly.add(part)
    if (letter !== undefined) take(letter)
  })

  /** Said now and then: whoever has another key says something as often as it is asked. */
  function noteStranger(): void {
    if (performance.now() < quietUntil) return
    quietUntil = performance.now() + strangersQuietMs
    onError(
      new AppError(
        'internal',
        'a note cannot be opened: its node has another installation’s secret (TENANTRY_SECRET), or it is of no node',
      ),
    )
  }

  function concernsMe({ from, to, kind, about, topic }: LetterPart): boolean {
    if (from === nodeId || (to !== null && to !== nodeId)) return false
    if (kind === 'question') return true
    return kind === 'news' ? hearers.has(topic) : about !== null && questions.isOpen(about)
  }

  function take(letter: ReceivedLetter): void {
    if (letter.kind === 'question') void answer(letter)
    else if (letter.kind === 'news') tellHearers(letter)
    else questions.take(letter)
  }

  async function answer({ id, topic, from, body }: ReceivedLetter): Promise<void> {
    const response = await responders.respond(topic, body, from)
    if (isClosed) return
    if (response !== undefined && 'error' in response) onError(response.error)
    const isAnswer = response !== undefined && 'answer' in response
    outbox.post(newLetter({ kind: isAnswer ? 'answer' : 'refusal', topic, to: from, about: id }), isAnswer ? response.answer : null)
  }

  function tellHearers({ topic, from, body }: ReceivedLetter): void {
    if (body === undefined) return
    for (const onNews of hearers.get(topic) ?? []) {
      try {
        onNews(body, from)
      } catch (error) {
        onError(toError(error))
      }
    }
  }

  function onUnsendable(letter: Letter, error: Error): void {
    onError(new AppError('internal', `the ${letter.kind} of this node about "${letter.topic}" could not be sent`, { cause: error }))
    if (letter.kind === 'question') questions.giveUp(letter.id)
    if (letter.kind === 'answer') outbox.post({ ...letter, kind: 'refusal' }, null)
  }

  return {
    nodeId,
    others: () => roster.others(defaultDeadlineMs),
    async ask(topic, question, { deadlineMs = defaultDeadlineMs, node } = {}) {
      const beganAtMs = performance.now()
      const others = isClosed ? [] : await roster.others(deadlineMs)
      const asked = others.filter((other) => node === undefined || other === node)
      if (asked.length === 0) return { answers: [], missing: [] }
      if (isClosed) return { answers: [], missing: asked }
      const letter = newLetter({ kind: 'question', topic, to: node ?? null })
      const answered = questions.open(letter.id, asked, Math.max(0, deadlineMs - (performance.now() - beganAtMs)))
      outbox.post(letter, question)
      return answered
    },
    answer: responders.register,
    tell(topic, news, node) {
      void roster.others(defaultDeadlineMs).then((others) => {
        const hasAddressee = node === undefined ? others.length > 0 : others.includes(node)
        if (hasAddressee && !isClosed) outbox.post(newLetter({ kind: 'news', topic, to: node ?? null }), news)
      })
    },
    hear(topic, onNews) {
      const own = hearers.get(topic) ?? new Set()
      hearers.set(topic, own.add(onNews))
      return () => {
        if (own.delete(onNews) && own.size === 0 && hearers.get(topic) === own) hearers.delete(topic)
      }
    },
    close() {
      isClosed = true
      stopListening()
      outbox.close()
      questions.close()
    },
  }
}
