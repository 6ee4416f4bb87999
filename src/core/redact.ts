/** Takes secrets out of what is shown, logged or kept: by the name they stand under, and by their form in a text. */

export const redacted = '[redacted]'

const secretName =
  /passw|pwd$|passphrase|passcode|secret|token|authori[sz]ation|^auth$|cookie|credential|(?:api|private|access|signing|encryption)[-_. ]?key/i
/** Under these a number is a secret too; elsewhere it is a setting, such as `token_ttl_seconds`. */
const secretNumberName = /(?:passw(?:or)?d|pwd|passphrase|passcode|secret|pin)$/i

/** True when what stands under this name is taken for a secret. A flag and null never are. */
export function isSecretEntry(name: string, value: unknown): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return secretNumberName.test(name)
  return secretName.test(name) && (typeof value === 'string' || (typeof value === 'object' && value !== null))
}

/**
 * A copy of a JSON value without its secrets: what stands under a telling name (`password`, `client_secret`, `apiKey`,
 * `Authorization`, `credentials` …, with all that is in it) becomes `[redacted]`, and texts pass through `redactText`.
 *
 * Errors: none; total for JSON values.
 */
export function redactSecrets(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (Array.isArray(value)) return value.map(redactSecrets)
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, isSecretEntry(name, item) ? redacted : redactSecrets(item)]))
}

/**
 * The credentials of a URL, `Bearer …`, a JWT, `password=…`, `"token": "…"`, also in JSON that is quoted in JSON. Repetitions
 * are bounded or begin where nothing before them can: a text made for it must not keep the event loop busy.
 */
const secretForms: readonly (readonly [RegExp, string])[] = [
  [/(?<=[a-z0-9]:\/\/)[^\s/?#]{1,500}@/gi, `${redacted}@`],
  [/\b(bearer|basic) [A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${redacted}`],
  [/(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{1,2000}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, redacted],
  [
    /((?:password|passwd|secret|token|api[_-]?key|authorization|credential)[a-z0-9_-]{0,20}\\*["']? ?[:=] ?)("(?:[^"\\]|\\.)*"?|\\+"[^"]*"?|'(?:[^'\\]|\\.)*'?|[^\s,;&}]+)/gi,
    `$1${redacted}`,
  ],
  // The tokens and keys that this engine gives out.
  [/(?<![A-Za-z0-9_-])(trt_|tiv_|tnt_[a-z0-9]{8}_)[A-Za-z0-9_-]{43}/g, `$1${redacted}`],
]

/** A text without the secrets whose form we know. Errors: none; total. */
export function redactText(text: string): string {
  let clean = text
  for (const [pattern, replacement] of secretForms) clean = clean.replaceAll(pattern, replacement)
  return clean
}
