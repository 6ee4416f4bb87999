/** How the HTTP layer reports what happened. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Shape: `message` is a fixed sentence; what varies goes in `details`. Errors: none; must not throw. */
export type Log = (level: LogLevel, message: string, details: Readonly<Record<string, unknown>>) => void
