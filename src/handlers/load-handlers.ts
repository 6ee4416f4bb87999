/** Loads the user files that the configuration names. */
import { extname } from 'node:path'
import { AppError } from '../core/errors.ts'
import type { HandlerDefinition } from './define-handler.ts'
import { importDefinitions, makeDoorKnown } from './import-definitions.ts'

const files = new WeakMap<HandlerDefinition, string>()

/**
 * Every handler that the files export under any name.
 *
 * Errors: AppError `handler.load_failed`, naming the file: it cannot be imported, exports no handler, or two files define
 * the same type.
 */
export async function loadHandlers(paths: readonly string[]): Promise<readonly HandlerDefinition[]> {
  makeDoorKnown(new URL(`../index${extname(import.meta.filename)}`, import.meta.url).href)
  const byType = new Map<string, { definition: HandlerDefinition; path: string }>()
  for (const path of paths) {
    for (const definition of await importDefinitions(path)) {
      const other = byType.get(definition.type)
      if (other && other.definition !== definition) {
        throw new AppError(
          'handler.load_failed',
          `handlers: the type "${definition.type}" is defined twice, in ${other.path} and in ${path}`,
        )
      }
      byType.set(definition.type, { definition, path })
      files.set(definition, path)
    }
  }
  return [...byType.values()].map(({ definition }) => definition)
}

/**
 * The file that a definition was loaded from, for a thread to import.
 *
 * Errors: AppError `handler.load_failed` for one that a program has made itself.
 */
export function requireFile(definition: HandlerDefinition): string {
  const file = files.get(definition)
  if (file !== undefined) return file
  throw new AppError(
    'handler.load_failed',
    `handlers: "${definition.type}" has isolation 'thread', but it is part of the program, which no other thread can import: ` +
      'export it from a file of its own and name that file in `handlers` of the configuration',
  )
}
