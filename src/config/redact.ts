/** Shows configuration values without their secrets. */
import { type Config, type SettingEntry, settingEntries, toCamelCase } from './schema.ts'

const hidden = '***'

/** The configuration as plain data for a log line: passwords and the credentials of URLs are hidden. */
export function redactConfig(config: Config): Readonly<Record<string, unknown>> {
  const shown: Record<string, unknown> = structuredClone(config)
  for (const entry of settingEntries) {
    if (entry.setting.secret === undefined) continue
    const name = toCamelCase(entry.path.at(-1) ?? '')
    const parent = entry.path.slice(0, -1).reduce<unknown>((node, key) => readKey(node, toCamelCase(key)), shown)
    const value = readKey(parent, name)
    if (typeof value === 'string') Object.assign(Object(parent), { [name]: entry.setting.secret === 'url' ? redactUrl(value) : hidden })
  }
  return shown
}

/** A value as an error message may show it: short, on one line, without a secret. */
export function showValue(entry: SettingEntry, value: unknown): string {
  if (entry.setting.secret === 'all') return `(hidden, ${typeof value})`
  if (entry.setting.secret === 'url' && typeof value === 'string') return JSON.stringify(redactUrl(value))
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

/** A URL without its password and query; of a text that is not a URL, only what cannot be a secret. */
export function redactUrl(text: string): string {
  const url = URL.parse(text)
  // An unencoded #, / or ? in a password moves the rest of it to where it would be shown.
  const isRegular = url && url.hostname !== '' && !`${url.pathname}${url.hash}`.includes('@')
  if (!isRegular) return redactBrokenUrl(text)
  if (url.password) url.password = hidden
  if (url.search) url.search = `?${[...url.searchParams.keys()].map((name) => `${encodeURIComponent(name)}=${hidden}`).join('&')}`
  if (url.hash) url.hash = hidden
  return url.href
}

function redactBrokenUrl(text: string): string {
  const scheme = /^[a-z][a-z0-9+.-]{0,20}:\/\//i.exec(text)?.[0] ?? ''
  const afterCredentials = text.lastIndexOf('@')
  if (afterCredentials >= 0) return `${scheme}${hidden}@${hostOf(text.slice(afterCredentials + 1))}`
  return `${scheme}${scheme ? hostOf(text.slice(scheme.length)) : hidden}`
}

const hostOf = (rest: string): string => /^[\w.-]{0,100}(:\d{0,6})?(\/[\w-]{0,60})?$/.exec(rest)?.[0] ?? hidden

function readKey(node: unknown, key: string): unknown {
  return typeof node === 'object' && node !== null ? Reflect.get(node, key) : undefined
}
