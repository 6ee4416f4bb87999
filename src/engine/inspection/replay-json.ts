/** Snapshots and events as JSON, and back: what a flight record is written with, and read by the replay. */
import type { AnyActorRef } from 'xstate'
import { AppError, type ErrorCode, type ErrorScope } from '../../core/errors.ts'
import { redactSecrets } from '../../core/redact.ts'
import { idOf } from './actor-ids.ts'

/** Deeper than any state or event of ours; what is deeper is somebody's settings, or goes round in a circle. */
const maxDepth = 24

/**
 * A JSON value without secrets. What JSON cannot say stands in an object with one telling name: `$actor` (an id), `$error`
 * (name, message, code, retryable, scope), `$number` (`Infinity`), `$date`.
 *
 * Errors: none; total.
 */
export const toRecordJson = (value: unknown): unknown => redactSecrets(encode(value, 0))

function encode(value: unknown, depth: number): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : { $number: String(value) }
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return value
  if (isActorRef(value)) return { $actor: idOf(value) }
  if (depth === maxDepth) return '[too deep]'
  if (value instanceof Error) return { $error: encodeError(value, depth) }
  if (value instanceof Date) return { $date: String(value.getTime()) }
  if (Array.isArray(value)) return value.map((item) => encode(item, depth + 1) ?? null)
  const items = Object.entries(value).map(([name, item]) => [name, encode(item, depth + 1)] as const)
  return Object.fromEntries(items.filter(([, item]) => item !== undefined))
}

function encodeError(error: Error, depth: number): object {
  const { name, message } = error
  if (error instanceof AppError) return { name, message, code: error.code, retryable: error.retryable, scope: error.scope }
  if (error instanceof AggregateError) return { name, message, errors: error.errors.slice(0, 10).map((each) => encode(each, depth + 1)) }
  return { name, message }
}

/** An actor, by what it can do: there is no class to ask for. */
export const isActorRef = (value: object): value is AnyActorRef => 'sessionId' in value && 'send' in value && 'getSnapshot' in value

/** What was written, with errors as errors again. `toActor` stands in for the actors that are meant. */
export function fromRecordJson(value: unknown, toActor: (id: string) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => fromRecordJson(item, toActor))
  const entries = Object.entries(value)
  const [name, inner] = entries.length === 1 ? (entries[0] ?? []) : []
  if (name === '$actor') return toActor(String(inner))
  if (name === '$number') return Number(inner)
  if (name === '$date') return new Date(Number(inner))
  if (name === '$error') return decodeError(inner, toActor)
  return Object.fromEntries(entries.map(([key, item]) => [key, fromRecordJson(item, toActor)]))
}

function decodeError(value: unknown, toActor: (id: string) => unknown): Error {
  const { name, message, code, retryable, scope, errors }: Readonly<Record<string, unknown>> = { ...(value as object) }
  const text = String(message ?? '')
  if (typeof code === 'string') {
    return new AppError(code as ErrorCode, text, { retryable: retryable === true, scope: scope as ErrorScope })
  }
  const error = Array.isArray(errors)
    ? new AggregateError(
        errors.map((each) => fromRecordJson(each, toActor)),
        text,
      )
    : new Error(text)
  return Object.assign(error, { name: String(name ?? 'Error') })
}
