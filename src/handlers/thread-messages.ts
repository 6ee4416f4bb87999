/** What the node's own thread and a handler's thread tell each other. Everything here can be cloned. */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorCode } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import type { CalledMessage } from './call-handler.ts'
import type { HandlerContext, HandlerLogger, HandlerPublish } from './define-handler.ts'

/** One run. Its answer is an outcome; everything else about it goes through `port`. */
export interface ThreadTask {
  readonly file: string
  readonly message: Omit<CalledMessage, 'text'> & { readonly text: string }
  readonly tenant: HandlerContext['tenant']
  readonly attempt: number
  readonly trace: HandlerContext['trace']
  readonly port: MessagePort
}

export type FromThread =
  /** The file is loaded, and the handler is about to be called: its time runs from here. */
  | { readonly kind: 'begun'; readonly threadId: number }
  | { readonly kind: 'log'; readonly level: keyof HandlerLogger; readonly message: string; readonly details?: object }
  | { readonly kind: 'publish'; readonly number: number; readonly message: HandlerPublish }
  | { readonly kind: 'secret'; readonly number: number; readonly name: string }
  /** Thrown where no promise of the handler could catch it. */
  | { readonly kind: 'crashed'; readonly outcome: Outcome }

/** Sent past the port, which is closed by then. */
export interface LeftBehind {
  readonly leftBehind: string
  /** The run that it belongs to; undefined when its context is not known. */
  readonly of: RunMessage | undefined
}

/** Which message a run was for, in the words of a log. */
export type RunMessage = Pick<CalledMessage, 'tenantId' | 'id' | 'type'>

export type ToThread =
  | { readonly kind: 'abort'; readonly reason: string }
  /** What the question of this number is answered with: the id of what was published, or the secret. */
  | { readonly kind: 'answered'; readonly number: number; readonly value: string }
  | { readonly kind: 'refused'; readonly number: number; readonly error: SentError }

/** An error on its way to another thread: cloning keeps no class and no code. */
export interface SentError {
  readonly name: string
  readonly message: string
  readonly code?: ErrorCode
  readonly retryable?: boolean
}
