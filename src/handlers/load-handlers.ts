/** Loads the user files that the configuration names. */
import { registerHooks } from 'node:module'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { AppError, errorText } from '../core/errors.ts'
import { type HandlerDefinition, isHandlerDefinition } from './define-handler.ts'

/**
 * Every handler that the files export under any name.
 *
 * Errors: AppError `handler.load_failed`, naming the file: it cannot be imported, exports no handler, or two files define
 * the same type.
 */
export async function loadHandlers(paths: readonly string[]): Promise<readonly HandlerDefinition[]> {
  const byType = new Map<string, { definition: HandlerDefinition; path: string }>()
  for (const path of paths) {
    for (const definition of await loadFile(path)) {
      const other = byType.get(definition.type)
      if (other && other.definition !== definition) {
        throw new AppError(
          'handler.load_failed',
          `handlers: the type "${definition.type}" is defined twice, in ${other.path} and in ${path}`,
        )
      }
      byType.set(definition.type, { definition, path })
    }
  }
  return [...byType.values()].map(({ definition }) => definition)
}

// A handler file may lie anywhere, also where no node_modules holds this package; and it must get the very module that
// this engine runs on, since what defineHandler() has made is known by identity.
let doorIsKnown = false
function makeDoorKnown(): void {
  if (doorIsKnown) return
  doorIsKnown = true
  const door = new URL(`../index${extname(import.meta.filename)}`, import.meta.url).href
  registerHooks({
    resolve: (specifier, context, nextResolve) =>
      specifier === 'tenantry' ? { url: door, shortCircuit: true } : nextResolve(specifier, context),
  })
}

async function loadFile(path: string): Promise<readonly HandlerDefinition[]> {
  makeDoorKnown()
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
