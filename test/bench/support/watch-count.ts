/** An admin who watches every actor, as the console would, and counts what it is told. */
import type { EngineNode } from './engine.ts'

export interface WatchCount {
  /** Leaves. Resolves to how many changes came, by themselves or in a summary. */
  close(): Promise<number>
}

/** Resolves when the stream is open. Errors: when it is refused. */
export async function openWatchCount({ url, token }: Pick<EngineNode, 'url' | 'token'>): Promise<WatchCount> {
  const leaving = new AbortController()
  const answer = await fetch(`${url}/v1/actors/stream`, { headers: { authorization: `Bearer ${token}` }, signal: leaving.signal })
  if (!answer.ok || !answer.body) throw new Error(`the stream is answered with ${answer.status} ${await answer.text()}`)
  const reading = countChanges(answer.body)
  return {
    async close() {
      leaving.abort()
      return reading
    },
  }
}

async function countChanges(body: ReadableStream<Uint8Array>): Promise<number> {
  let count = 0
  let rest = ''
  try {
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('data: ')) count += readTotal(line.slice(6))
    }
  } catch {
    // Left.
  }
  return count
}

/** A summary says how many it stands for. */
const readTotal = (data: string): number => {
  const { total = 1 } = JSON.parse(data) as { total?: number }
  return total
}
