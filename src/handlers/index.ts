/** Which handler runs for which message type. The only door of this folder. */
import type { Handler, Handlers } from '../core/ports/handlers.ts'
import type { HandlerDefinition } from './define-handler.ts'
import { type HandlerServices, toHandler } from './run-handler.ts'
import { store } from './store.ts'

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

/** Every type that no definition names is stored. */
export function createHandlers(definitions: readonly HandlerDefinition[], services: HandlerServices): Handlers {
  const byType = new Map<string, Handler>(definitions.map((definition) => [definition.type, toHandler(definition, services)]))
  return { find: (type) => byType.get(type) ?? store }
}
