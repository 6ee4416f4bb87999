/** Reads config.yml: which keys it sets, to what, on which line. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { isMap, isScalar, LineCounter, type Node, type ParsedNode, parseDocument, type YAMLMap } from 'yaml'
import { errorText } from '../core/errors.ts'
import { type Candidate, type Candidates, configError } from './candidate.ts'
import { isSetting, type SettingTree, settings } from './schema.ts'
import { suggest } from './suggest.ts'

/**
 * The values that the file sets. Keys and sections left empty count as absent.
 *
 * Errors: `config.invalid` with the file and line: unreadable, not YAML, an unknown key.
 */
export function readConfigFile(file: string): Candidates {
  const lines = new LineCounter()
  const document = parseDocument(readText(file), { lineCounter: lines, prettyErrors: false })
  const where = (offset: number | undefined): string => `${basename(file)}:${lines.linePos(offset ?? 0).line}`
  const fault = document.errors[0]
  if (fault) throw configError(`${where(fault.pos[0])} is not valid YAML: ${fault.message} (${file})`)

  const found = new Map<string, Candidate>()
  collect(document.contents, settings, [])
  return found

  function collect(node: ParsedNode | Node | null, tree: SettingTree, path: readonly string[]): void {
    if (node === null || (isScalar(node) && node.value === null)) return
    if (!isMap(node)) {
      const what = path.length === 0 ? `${file} must hold keys and values` : `${path.join('.')} is a section`
      throw configError(`${where(node.range?.[0])}: ${what}: write its keys below it, indented`)
    }
    for (const pair of (node as YAMLMap<Node, Node | null>).items) collectPair(pair.key, pair.value, tree, path)
  }

  function collectPair(key: Node, value: Node | null, tree: SettingTree, path: readonly string[]): void {
    const name = isScalar(key) ? String(key.value) : ''
    const inner = [...path, name]
    const known = Object.hasOwn(tree, name) ? tree[name] : undefined
    if (known === undefined) throw unknownKey(inner, tree, where(key.range?.[0]))
    if (!isSetting(known)) {
      collect(value, known, inner)
      return
    }
    const content: unknown = value?.toJS(document)
    if (content === null || content === undefined) return
    found.set(inner.join('.'), { value: content, source: where(value?.range?.[0]) })
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw configError(`cannot read the configuration file ${file}: ${errorText(error)}`, error)
  }
}

/** What to say about a key that does not exist in its section. */
export function unknownKey(path: readonly string[], tree: object, source: string): Error {
  const name = path.at(-1) ?? ''
  const near = suggest(name, Object.keys(tree))
  const parents = path.slice(0, -1)
  const hint = near ? `did you mean ${[...parents, near].join('.')}?` : `known here: ${Object.keys(tree).join(', ')}`
  return configError(`${source}: unknown key ${path.join('.').slice(0, 100)}; ${hint}`)
}
