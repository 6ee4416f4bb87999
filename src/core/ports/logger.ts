/** The logger port: what the engine's rooms log through, so that none of them knows the library behind it. */

/** JSON facts for one line. An Error under the key `error` is written with its code, stack and causes. */
export type LogDetails = Readonly<Record<string, unknown>>

/**
 * Writes one line per call.
 *
 * Shape:  `message` is a fixed sentence; what varies goes in `details`.
 * Errors: none; a logger never throws. Secrets named as such and credentials in URLs are removed before writing.
 */
export interface Logger {
  debug(message: string, details?: LogDetails): void
  info(message: string, details?: LogDetails): void
  warn(message: string, details?: LogDetails): void
  error(message: string, details?: LogDetails): void
  /** A logger whose lines all carry the bindings. */
  child(bindings: LogDetails): Logger
}
