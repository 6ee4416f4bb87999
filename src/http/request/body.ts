/** Reads a request's JSON body. */
import { isUtf8 } from 'node:buffer'
import express, { type Request, type Response } from 'express'
import type { z } from 'zod'
import { inspectJson, type JsonFault } from '../../core/json.ts'
import { refuseTooLarge } from '../edge/body-limit.ts'
import { invalid, Refusal } from './refusal.ts'
import { toFaults } from './zod-faults.ts'

/** Reads the body, or undefined when there is none. Errors: Refusal, or an error of body-parser (a 4xx `status` and a `type`). */
export type ReadJson = (request: Request, response: Response) => Promise<unknown>

export function createReadJson(maxBytes: number): ReadJson {
  const parse = express.json({ limit: maxBytes, strict: false, type: () => true, verify: refuseInvalidUtf8 })

  return (request, response) =>
    new Promise((resolve, reject) => {
      const { headers } = request
      if (headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0') return resolve(undefined)
      if (!isJson(headers['content-type'])) return reject(new Refusal('request.media_type', 'The body must be application/json.'))
      if (refuseTooLarge(request, maxBytes, reject)) return
      parse(request, response, (error: unknown) => (error === undefined ? resolve(request.body) : reject(error)))
    })
}

/**
 * The body as the schema describes it.
 *
 * Errors: Refusal `request.invalid` naming the path of what is unknown, wrong, or cannot be stored.
 */
export function parseBody(body: unknown, schema: z.ZodType): unknown {
  const fault = inspectBody(body)
  if (fault) throw invalid(fault)
  const parsed = safeParse(body, schema)
  if (!parsed.success) throw invalid(...toFaults(parsed.error, 'field'))
  return parsed.data
}

/** A schema compares the `length` of whatever has one, also of what is no text and no list: one that is an object may make it throw. */
function safeParse(body: unknown, schema: z.ZodType) {
  try {
    return schema.safeParse(body)
  } catch (error) {
    const path = error instanceof TypeError ? findOddLength(body, '') : undefined
    if (path === undefined) throw error
    throw invalid({ path, message: 'must not be an object with a length' })
  }
}

/** The path of the first object whose `length` is an object; undefined when there is none. */
function findOddLength(value: unknown, path: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { length } = value as { readonly length?: unknown }
  if (typeof length === 'object' && length !== null) return path
  for (const [key, inner] of Object.entries(value)) {
    const found = findOddLength(inner, Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

function inspectBody(body: unknown): JsonFault | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined
  for (const [key, value] of Object.entries(body)) {
    // A message of a batch may nest as deep as a single one: the array and its element do not count.
    const fault = inspectJson(key, 'body (a key)') ?? inspectJson(value, key, key === 'messages' ? -1 : 1)
    if (fault) return fault
  }
  return undefined
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true
  return contentType !== undefined && /^application\/json *(;|$)/i.test(contentType)
}

function refuseInvalidUtf8(_request: unknown, _response: unknown, bytes: Buffer, encoding: string): void {
  if (encoding !== 'utf-8') throw new Refusal('request.media_type', 'The charset of the body must be UTF-8.')
  if (!isUtf8(bytes)) throw new Refusal('request.malformed', 'The body is not valid UTF-8.')
}
