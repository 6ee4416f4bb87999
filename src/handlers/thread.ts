/** The program of a handler's thread: runs one handler at a time, and says of each error whose it was. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { extname } from 'node:path'
import { parentPort, threadId } from 'node:worker_threads'
import { AppError, errorText } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import { callHandler } from './call-handler.ts'
import type { HandlerDefinition } from './define-handler.ts'
import { failedWith, notLoaded } from './failed-run.ts'
import { importDefinitions, makeDoorKnown } from './import-definitions.ts'
import type { FromThread, LeftBehind, ThreadTask } from './thread-messages.ts'
import { openThreadRun, type ThreadRun } from './thread-run.ts'

/** Which run a piece of code belongs to, also in a timer or after an await. */
const runs = new AsyncLocalStorage<ThreadRun>()
let current: ThreadRun | undefined

makeDoorKnown(new URL(`./thread-door${extname(import.meta.filename)}`, import.meta.url).href)
process.on('uncaughtException', blame)
process.on('unhandledRejection', blame)

/** Never rejects. The pool calls it for one message at a time. */
export async function runTask({ file, message, tenant, attempt, trace, port }: ThreadTask): Promise<Outcome> {
  const run = openThreadRun(port, message)
  current = run
  try {
    const definition = await findDefinition(file, message.type)
    port.postMessage({ kind: 'begun', threadId } satisfies FromThread)
    const { signal, logger, publish, secret } = run
    return await runs.run(run, () =>
      callHandler(definition, { ...message, text: () => message.text }, { tenant, attempt, trace, signal, logger, publish, secret }),
    )
  } catch (thrown) {
    return notLoaded(thrown)
  } finally {
    run.close()
    current = undefined
  }
}

const byFile = new Map<string, readonly HandlerDefinition[]>()

async function findDefinition(file: string, type: string): Promise<HandlerDefinition> {
  const definitions = byFile.get(file) ?? (await importDefinitions(file))
  byFile.set(file, definitions)
  const definition = definitions.find((candidate) => candidate.type === type)
  if (!definition) throw new AppError('handler.load_failed', `handlers: ${file} no longer defines the type "${type}"`)
  return definition
}

// What a run that has ended left behind is not the fault of the one that runs now. An error without a run may be anybody's:
// nothing is known about the thread then, so it goes with the message that it has in hand.
function blame(thrown: unknown): void {
  const run = runs.getStore() ?? current
  if (run?.isOpen()) run.crash(failedWith(thrown))
  else {
    const leftBehind = errorText(thrown)
    parentPort?.postMessage({ leftBehind: run?.concealer.text(leftBehind) ?? leftBehind, of: run?.message } satisfies LeftBehind)
  }
}
