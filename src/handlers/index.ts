/** Which handler runs for which message type. The only door of this folder. */
import { availableParallelism } from 'node:os'
import type { Handler, Handlers } from '../core/ports/handlers.ts'
import type { HandlerDefinition } from './define-handler.ts'
import { requireFile } from './load-handlers.ts'
import { type HandlerServices, toHandler } from './run-handler.ts'
import { createThreadRun } from './run-in-thread.ts'
import { store } from './store.ts'
import { createThreadPool, type ThreadPoolOptions } from './thread-pool.ts'

export type {
  HandlerContext,
  HandlerDefinition,
  HandlerMessage,
  HandlerPublish,
  StandardSchema,
} from './define-handler.ts'
export { defineHandler } from './define-handler.ts'
export { loadHandlers } from './load-handlers.ts'
export type { HandlerServices } from './run-handler.ts'
export { attributeStrayError, keepFromHandlers } from './stray-errors.ts'
export type { ThreadPoolOptions } from './thread-pool.ts'

export interface HandlerRegistry extends Handlers {
  /** Ends the threads of isolated handlers. Tolerates twice. */
  close(): Promise<void>
}

/**
 * Every type that no definition names is stored.
 *
 * Errors: AppError `handler.load_failed` for a definition with `isolation: 'thread'` that was not loaded from a file.
 */
export function createHandlers(
  definitions: readonly HandlerDefinition[],
  services: HandlerServices,
  options: Partial<ThreadPoolOptions> = {},
): HandlerRegistry {
  const threads = createThreadPool({ maxThreads: availableParallelism(), memoryMb: 256, onLeftBehind: () => {}, ...options })
  const make = (definition: HandlerDefinition): Handler =>
    definition.isolation === 'thread'
      ? toHandler(definition, services, createThreadRun(definition, requireFile(definition), services, threads))
      : toHandler(definition, services)
  const byType = new Map<string, Handler>(definitions.map((definition) => [definition.type, make(definition)]))
  return { find: (type) => byType.get(type) ?? store, close: threads.close }
}
