/** What nodes say to each other, cut into parts that fit into notes, and read from them again. */
import { promisify } from 'node:util'
import { deflateRaw, inflateRawSync } from 'node:zlib'
import { maxPlainBytes } from './peer-seal.ts'

export interface Letter {
  readonly id: string
  /** `refusal`: the node cannot answer. */
  readonly kind: 'question' | 'answer' | 'refusal' | 'news'
  readonly topic: string
  readonly from: string
  /** null is every other node. */
  readonly to: string | null
  /** The question's id. */
  readonly about: string | null
}

/** One of the parts of a letter. */
export interface LetterPart extends Letter {
  /** From 0 on, out of `parts`. */
  readonly part: number
  readonly parts: number
  readonly deflated: boolean
  readonly chunk: Buffer
}

/** Of a letter's JSON. */
const maxBytes = 1024 * 1024
const maxParts = 200
/** What fits into one note is not worth the work. */
const deflateFromBytes = 4_096
const version = 1

const deflate = promisify(deflateRaw)

/**
 * The parts of a letter, each of which fits into a note.
 *
 * Shape:  a part is its head in JSON, a zero byte, and its piece of the body's JSON, deflated when that is long.
 * Errors: RangeError for a body that is too large, TypeError for one that is no JSON.
 */
export async function toParts(letter: Letter, body: unknown): Promise<readonly Buffer[]> {
  const text = Buffer.from(JSON.stringify(body ?? null) ?? 'null')
  if (text.length > maxBytes) throw new RangeError(`${text.length} bytes are too many to be told to another node`)
  const deflated = text.length > deflateFromBytes
  const bytes = deflated ? await deflate(text, { level: 3 }) : text
  const toHead = (part: number, parts: number): Buffer => Buffer.from(JSON.stringify({ v: version, ...letter, part, parts, deflated }))
  const room = maxPlainBytes - toHead(maxParts, maxParts).length - 1
  const parts = Math.max(1, Math.ceil(bytes.length / room))
  if (room < 1 || parts > maxParts) throw new RangeError(`${bytes.length} bytes are too many to be told to another node`)
  return Array.from({ length: parts }, (_, part) =>
    Buffer.concat([toHead(part, parts), Buffer.of(0), bytes.subarray(part * room, (part + 1) * room)]),
  )
}

/** undefined for what is none, or one of another version of the engine. Never throws. */
export function readPart(plain: Buffer): LetterPart | undefined {
  const end = plain.indexOf(0)
  const head = end < 0 ? undefined : readJson(plain.subarray(0, end))
  if (typeof head !== 'object' || head === null) return undefined
  const { v, id, kind, topic, from, to, about, part, parts, deflated } = head as Readonly<Record<string, unknown>>
  if (v !== version || typeof id !== 'string' || typeof topic !== 'string' || typeof from !== 'string') return undefined
  if (!isKind(kind) || !isTextOrNull(to) || !isTextOrNull(about) || typeof deflated !== 'boolean') return undefined
  if (!isCount(parts) || !isCount(part) || parts < 1 || parts > maxParts || part >= parts) return undefined
  return { id, kind, topic, from, to, about, part, parts, deflated, chunk: plain.subarray(end + 1) }
}

/** The body that all chunks of a letter make; undefined for what is none. Never throws. */
export function readBody(bytes: Buffer, deflated: boolean): unknown {
  try {
    return JSON.parse((deflated ? inflateRawSync(bytes, { maxOutputLength: maxBytes }) : bytes).toString())
  } catch {
    return undefined
  }
}

function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

const kinds: readonly unknown[] = ['question', 'answer', 'refusal', 'news'] satisfies readonly Letter['kind'][]
const isKind = (value: unknown): value is Letter['kind'] => kinds.includes(value)
const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string'
const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0
