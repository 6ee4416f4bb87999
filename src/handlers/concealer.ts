/** Keeps the secrets that a run was given out of what it leaves behind: reasons of outcomes, and lines of the log. */
import type { Outcome } from '../core/outcome.ts'
import { redacted } from '../core/redact.ts'
import type { HandlerLogger } from './define-handler.ts'

export interface Concealer {
  /** From now on this value is concealed. Returns it. */
  add(value: string): string
  text(text: string): string
  outcome(outcome: Outcome): Outcome
  /** Writes through `logger` what the run logs. */
  logger(logger: HandlerLogger): HandlerLogger
}

/** Shorter ones are found in every other word. */
const minLength = 4
/** A line of a key in PEM, say, is as secret as the whole. */
const minLineLength = 8
const maxDepth = 6

/**
 * Conceals nothing until it has a value. Then `[redacted]` stands for each value, also as part of a URL or of JSON, for each line
 * of one with several, and for the beginning of one at the end of a text, which may have been cut there.
 *
 * Errors: none; total.
 */
export function createConcealer(): Concealer {
  /** The longest first: a shorter one may be a part of it. */
  let forms: readonly string[] = []

  const text = (given: string): string => {
    if (forms.length === 0 || typeof given !== 'string') return given
    let clean = given
    for (const form of forms) clean = clean.replaceAll(form, redacted)
    const cut = forms.map((form) => findCut(clean, form)).reduce((longest, length) => Math.max(longest, length), 0)
    return cut === 0 ? clean : `${clean.slice(0, -cut)}${redacted}`
  }
  const details = (value: object | undefined): object | undefined => (forms.length === 0 ? value : (mapTexts(value, text) as object))

  return {
    add(value) {
      forms = [...new Set([...forms, ...toForms(value)])].sort((one, two) => two.length - one.length)
      return value
    },
    text,
    outcome: (outcome) => (outcome.kind === 'ack' || forms.length === 0 ? outcome : concealOutcome(outcome, text)),
    logger: (logger) => ({
      debug: (message, given) => logger.debug(text(message), details(given)),
      info: (message, given) => logger.info(text(message), details(given)),
      warn: (message, given) => logger.warn(text(message), details(given)),
      error: (message, given) => logger.error(text(message), details(given)),
    }),
  }
}

function concealOutcome(outcome: Exclude<Outcome, { kind: 'ack' }>, text: (given: string) => string): Outcome {
  const { errorClass } = outcome
  return { ...outcome, reason: text(outcome.reason), ...(errorClass === undefined ? {} : { errorClass: text(errorClass) }) }
}

function toForms(value: string): readonly string[] {
  if (value.length < minLength) return []
  const lines = value.split(/\s*\n\s*/).filter((line) => line.length >= minLineLength)
  // As an error's text has it, on one line.
  const whole = [value, value.replaceAll(/\s+/g, ' ').trim(), ...lines]
  return whole.flatMap((each) => [each, toUriPart(each), JSON.stringify(each).slice(1, -1)]).filter((form) => form.length >= minLength)
}

const toUriPart = (text: string): string => encodeURIComponent(text.toWellFormed())

/** How long the beginning of `form` is with which the text ends; 0 for none of at least `minLength`. */
function findCut(text: string, form: string): number {
  for (let length = Math.min(form.length - 1, text.length); length >= minLength; length--) {
    if (text.endsWith(form.slice(0, length))) return length
  }
  return 0
}

/** A copy with every text replaced; what is deeper than a line of the log shows is left out. */
function mapTexts(value: unknown, map: (text: string) => string, depth = 0): unknown {
  if (typeof value === 'string') return map(value)
  if (typeof value !== 'object' || value === null || value instanceof Date || ArrayBuffer.isView(value)) return value
  if (depth > maxDepth) return '…'
  const inner = (item: unknown): unknown => mapTexts(item, map, depth + 1)
  try {
    if (value instanceof Error) return mapError(value, inner)
    if (Array.isArray(value) || value instanceof Set) return [...value].map(inner)
    const entries = value instanceof Map ? [...value] : Object.entries(value)
    return Object.fromEntries(entries.map(([name, item]) => [map(String(name)), inner(item)]))
  } catch {
    return '(unreadable)'
  }
}

function mapError(error: Error, inner: (item: unknown) => unknown): Error {
  const { name, message, stack, cause } = error
  const parts = { ...error, name, message, stack, ...(cause === undefined ? {} : { cause }) }
  const copy = error instanceof AggregateError ? new AggregateError(error.errors.map(inner)) : new Error()
  return Object.assign(copy, inner(parts))
}
