/** Imports a user's file and finds the handlers in it. */
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { AppError, errorText } from '../core/errors.ts'
import { type HandlerDefinition, isHandlerDefinition } from './define-handler.ts'

/**
 * Every handler that the file exports under any name.
 *
 * Errors: AppError `handler.load_failed`, naming the file: it cannot be imported, or exports no handler.
 */
export async function importDefinitions(path: string): Promise<readonly HandlerDefinition[]> {
  let exports: Record<string, unknown>
  try {
    exports = await import(pathToFileURL(path).href)
  } catch (thrown) {
    throw new AppError('handler.load_failed', `handlers: cannot load ${path}: ${errorText(thrown)}`, { cause: thrown })
  }
  const definitions = Object.values(exports).flat().filter(isHandlerDefinition)
  if (definitions.length === 0) {
    throw new AppError('handler.load_failed', `handlers: ${path} exports nothing made with defineHandler()`)
  }
  return definitions
}

let isDoorKnown = false

/**
 * From now on `tenantry` means the module at `door`, in this thread.
 *
 * A handler file may lie anywhere, also where no node_modules holds this package; and it must get the very module that this
 * engine runs on, since what defineHandler() has made is known by identity.
 */
export function makeDoorKnown(door: string): void {
  if (isDoorKnown) return
  isDoorKnown = true
  registerHooks({
    resolve: (specifier, context, nextResolve) =>
      specifier === 'tenantry' ? { url: door, shortCircuit: true } : nextResolve(specifier, context),
  })
}
