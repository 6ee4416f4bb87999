/** What one configuration key accepts, and how its text in the environment becomes a value. */
import { z } from 'zod'

/** One key. `env` replaces the systematic name; `secret` says what of its value may never be shown. */
export interface Setting<T> {
  readonly schema: z.ZodType<T>
  readonly fallback: T
  /** The end of the sentence "`key` accepts …". */
  readonly accepts: string
  readonly env?: string
  readonly secret?: 'all' | 'url'
  /** The value that an environment text stands for; the text itself when it stands for none. */
  readonly parseText: (text: string) => unknown
}

export type SettingOptions = Partial<Pick<Setting<unknown>, 'env' | 'secret'>>

/** A whole number. */
export const integer = (min: number, max: number, fallback: number, options: SettingOptions = {}): Setting<number> => ({
  schema: z.int().min(min).max(max),
  fallback,
  accepts: `a whole number from ${min} to ${max}`,
  parseText: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : text),
  ...options,
})

/** A number that may have decimals. */
export const decimal = (min: number, max: number, fallback: number): Setting<number> => ({
  schema: z.number().min(min).max(max),
  fallback,
  accepts: `a number from ${min} to ${max}`,
  parseText: (text) => (/^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text),
})

/** One of a few words. */
export const oneOf = <const T extends string>(words: readonly T[], fallback: NoInfer<T>, options: SettingOptions = {}): Setting<T> => ({
  schema: z.enum(words),
  fallback,
  accepts: `one of ${words.join(', ')}`,
  parseText: (text) => text,
  ...options,
})

/** A text with at least one visible character. */
export const text = (fallback: string, options: SettingOptions = {}): Setting<string> => ({
  schema: oneLine(1),
  fallback,
  accepts: 'a text of 1 to 500 characters on one line',
  parseText: (value) => value,
  ...options,
})

/** A text with at least one visible character, or none. */
export const optionalText = (options: SettingOptions = {}): Setting<string | undefined> => ({
  ...text('', options),
  fallback: undefined,
})

/** A secret of at least `minLength` characters, or none. */
export const secretText = (minLength: number, options: SettingOptions = {}): Setting<string | undefined> => ({
  schema: oneLine(minLength),
  fallback: undefined,
  accepts: `a text (in quotes) of ${minLength} to 500 characters on one line`,
  secret: 'all',
  parseText: (value) => value,
  ...options,
})

/** The address of a service, or none. */
export const serviceUrl = (protocols: readonly string[], example: string, env: string): Setting<string | undefined> => ({
  schema: z.string().refine((value) => isServiceUrl(value, protocols)),
  fallback: undefined,
  accepts: `a URL such as ${example} (percent-encode special characters in its password)`,
  env,
  secret: 'url',
  parseText: (value) => value,
})

/** Paths of files. */
export const paths = (): Setting<readonly string[]> => listOf(oneLine(1), 'a list of paths')

/** Values of one kind; a comma-separated list in the environment. */
export const listOf = (item: z.ZodType<string>, accepts: string): Setting<readonly string[]> => ({
  schema: z.array(item).max(100),
  fallback: [],
  accepts,
  parseText: parseList,
})

/** The parts between the commas. */
export const parseList = (value: string): readonly string[] => value.split(',').map((part) => part.trim())

const oneLine = (minLength: number) =>
  z
    .string()
    .min(minLength)
    .max(500)
    .regex(/^\P{Cc}*\S\P{Cc}*$/u)

function isServiceUrl(value: string, protocols: readonly string[]): boolean {
  const url = URL.parse(value)
  if (!url || /\s/.test(value)) return false
  // An unencoded # in a password cuts the URL short, so that the host is not where it seems.
  return protocols.includes(url.protocol.slice(0, -1)) && url.hostname !== '' && url.hash === ''
}
