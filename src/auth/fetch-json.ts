/** Reads a JSON document from an identity provider: with a deadline, of bounded size, without following redirects. */
import { AppError, errorText } from '../core/errors.ts'

const deadlineMs = 5_000
const maxBytes = 262_144

/** Errors: AppError `auth.issuer_unavailable`. */
export async function fetchJson(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, {
      redirect: 'error',
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(deadlineMs),
    })
    if (!response.ok) {
      await response.body?.cancel()
      throw new Error(`status ${response.status}`)
    }
    return JSON.parse(await readText(response))
  } catch (error) {
    throw issuerUnavailable(`${url}: ${errorText(error)}`, error)
  }
}

/** `reason` is for the log; the answer names no address. */
export const issuerUnavailable = (reason: string, cause?: unknown): AppError =>
  new AppError('auth.issuer_unavailable', 'The identity provider does not answer as it should; repeat in a few seconds.', {
    retryable: true,
    details: { reason },
    cause,
  })

async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.byteLength
    if (bytes > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
