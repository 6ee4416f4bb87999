/** Loads the configuration: defaults < config.yml < environment < overrides of an embedding program. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Candidate, type Candidates, configError } from './candidate.ts'
import { composeDatabaseUrl, composeRabbitmqUrl, type Environment, readSecretVariable, readVariable } from './connection-variables.ts'
import { readConfigFile, unknownKey } from './read-file.ts'
import { showValue } from './redact.ts'
import { requireAgreement } from './require-agreement.ts'
import {
  type Config,
  type ConfigOverrides,
  isSetting,
  type SettingEntry,
  type SettingTree,
  settingEntries,
  settings,
  toCamelCase,
} from './schema.ts'

export interface LoadOptions {
  readonly env: Environment
  /** The file; otherwise TENANTRY_CONFIG, otherwise ./config.yml when it exists. */
  readonly file?: string
  readonly overrides?: ConfigOverrides
}

/**
 * The whole configuration, checked. Paths are absolute: `handlers` of the file are relative to the file, every other path
 * to the working directory.
 *
 * Errors: `config.invalid`; one line with the key, where its value stands, the value without secrets, what is accepted.
 */
export function loadConfig(options: LoadOptions): Config {
  const { env } = options
  const file = options.file ?? readVariable(env, 'TENANTRY_CONFIG') ?? (existsSync('config.yml') ? 'config.yml' : undefined)
  // Weakest first.
  const layers: readonly { readonly candidates: Candidates; readonly base: string }[] = [
    { candidates: file === undefined ? new Map() : readConfigFile(file), base: dirname(resolve(file ?? '')) },
    { candidates: readEnvironment(env), base: '' },
    { candidates: readOverrides(options.overrides ?? {}), base: '' },
  ]
  const config: Record<string, unknown> = {}
  for (const entry of settingEntries) {
    const layer = layers.findLast(({ candidates }) => candidates.has(entry.key))
    const candidate = layer?.candidates.get(entry.key)
    place(config, entry.path, toAbsolute(entry, candidate ? check(entry, candidate) : entry.setting.fallback, layer?.base ?? ''))
  }
  requireAgreement(config as Config)
  return deepFreeze(config) as Config
}

function readEnvironment(env: Environment): Candidates {
  const found = new Map<string, Candidate>()
  const databaseUrl = readVariable(env, 'DATABASE_URL') === undefined ? composeDatabaseUrl(env) : undefined
  if (databaseUrl) found.set('database.url', databaseUrl)
  const rabbitmqUrl = readVariable(env, 'RABBITMQ_URL') === undefined ? composeRabbitmqUrl(env) : undefined
  if (rabbitmqUrl) found.set('rabbitmq.url', rabbitmqUrl)
  for (const { key, env: name, setting } of settingEntries) {
    const text = setting.secret === 'all' ? readSecretVariable(env, name) : readVariable(env, name)
    if (text !== undefined) found.set(key, { value: setting.parseText(text), source: `${name} in the environment` })
  }
  return found
}

function readOverrides(overrides: ConfigOverrides): Candidates {
  const found = new Map<string, Candidate>()
  collect(overrides, settings, [])
  return found

  function collect(values: object, tree: SettingTree, path: readonly string[]): void {
    const names = new Map(Object.keys(tree).map((key) => [toCamelCase(key), key]))
    for (const [name, value] of Object.entries(values)) {
      const key = names.get(name)
      const node = key === undefined ? undefined : tree[key]
      if (key === undefined || node === undefined) {
        throw unknownKey([...path.map(toCamelCase), name], Object.fromEntries(names), 'the program’s configuration')
      }
      const inner = [...path, key]
      if (value === undefined) continue
      if (isSetting(node)) found.set(inner.join('.'), { value, source: 'the program’s configuration' })
      else if (typeof value === 'object' && value !== null) collect(value, node, inner)
      else throw configError(`the program’s configuration: ${inner.map(toCamelCase).join('.')} is a section and accepts an object`)
    }
  }
}

function check(entry: SettingEntry, { value, source }: Candidate): unknown {
  const result = entry.setting.schema.safeParse(value)
  if (result.success) return result.data
  throw configError(`${entry.key} (${source}) is ${showValue(entry, value)}; it accepts ${entry.setting.accepts}`)
}

function toAbsolute({ key }: SettingEntry, value: unknown, base: string): unknown {
  if (key === 'data_dir') return resolve(String(value))
  if (key === 'handlers' && Array.isArray(value)) return value.map((path) => resolve(base, String(path)))
  return value
}

function place(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let node = target
  for (const key of path.slice(0, -1)) {
    const name = toCamelCase(key)
    node[name] ??= {}
    node = node[name] as Record<string, unknown>
  }
  node[toCamelCase(path.at(-1) ?? '')] = value
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  return Object.freeze(value)
}
