/** Nodes that talk in one process: what they say passes through JSON, as it does between real ones. */
import type { Peers } from '../../../../src/core/ports/peers.ts'

export interface MemoryPeers extends Peers {
  /** From now on it lives and says nothing. */
  fallSilent(): void
}

export function createMemoryPeers<Id extends string>(...ids: readonly Id[]): Readonly<Record<Id, MemoryPeers>> {
  const responders = new Map<string, Map<string, Parameters<Peers['answer']>[1]>>(ids.map((id) => [id, new Map()]))
  const silent = new Set<string>()
  const copy = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))

  const createNode = (nodeId: string): MemoryPeers => ({
    nodeId,
    others: async () => ids.filter((id) => id !== nodeId),
    async ask(topic, question, { node } = {}) {
      const asked = ids.filter((id) => id !== nodeId && (node === undefined || id === node))
      const answers: { node: string; answer: unknown }[] = []
      const missing: string[] = []
      for (const id of asked) {
        const responder = silent.has(id) ? undefined : responders.get(id)?.get(topic)
        try {
          if (responder === undefined) throw new Error('no answer')
          answers.push({ node: id, answer: copy(await responder(copy(question), nodeId)) })
        } catch {
          missing.push(id)
        }
      }
      return { answers, missing }
    },
    answer(topic, responder) {
      responders.get(nodeId)?.set(topic, responder)
      return () => responders.get(nodeId)?.delete(topic)
    },
    tell: () => undefined,
    hear: () => () => undefined,
    fallSilent: () => silent.add(nodeId),
  })
  return Object.fromEntries(ids.map((id) => [id, createNode(id)])) as unknown as Readonly<Record<Id, MemoryPeers>>
}
