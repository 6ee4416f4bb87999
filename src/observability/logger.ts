/** The engine's logger: JSON lines, or readable ones in a terminal. */
import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino'
import pretty from 'pino-pretty'
import type { Logger } from '../core/ports/logger.ts'
import { scrub, scrubText } from './scrub.ts'

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `auto`: pretty when standard output is a terminal. */
  readonly format: 'auto' | 'json' | 'pretty'
}

/**
 * A logger that writes synchronously, so that the last line before an exit is not lost.
 *
 * Shape: JSON lines have `level` (a word), `time` (ISO 8601), `msg`, the bindings and the details.
 */
export function createLogger(options: LoggerOptions, destination?: DestinationStream): Logger {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && process.stdout.isTTY === true)
  const target = destination ?? pino.destination({ dest: 1, sync: true })
  const stream = isPretty ? pretty({ destination: target, sync: true, ignore: 'node', colorize: process.stdout.isTTY === true }) : target
  const formatters = isPretty ? {} : { formatters: { level: (label: string) => ({ level: label }) } }
  return wrap(pino({ level: options.level, base: null, timestamp: stdTimeFunctions.isoTime, ...formatters }, stream))
}

function wrap(inner: PinoLogger): Logger {
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, details?: Readonly<Record<string, unknown>>) => {
    if (!inner.isLevelEnabled(level)) return
    if (details === undefined) inner[level](scrubText(message))
    else inner[level](scrub(details), scrubText(message))
  }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (bindings) => wrap(inner.child(scrub(bindings) as Record<string, unknown>)),
  }
}
