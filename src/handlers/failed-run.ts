/** The outcomes of runs that did not answer, with the error class that operators and retry policies see. */
import { errorText } from '../core/errors.ts'
import { type Outcome, reject, retry } from '../core/outcome.ts'

export const stopped: Outcome = { ...retry('the node stopped before the handler had answered'), errorClass: 'NodeStopped' }

export const deadlineExceeded = (timeoutMs: number): Outcome => ({
  ...retry(`the handler did not answer within its deadline of ${timeoutMs} ms`),
  errorClass: 'DeadlineExceeded',
})

export const outOfMemory = (memoryMb: number): Outcome => ({
  ...retry(`the handler exceeded its memory limit of ${memoryMb} MB`),
  errorClass: 'OutOfMemory',
})

export const handlerExited = (exitCode: string): Outcome => ({
  ...retry(`the handler ended its thread with exit code ${exitCode}`),
  errorClass: 'HandlerExited',
})

export const notLoaded = (thrown: unknown): Outcome => ({
  ...retry(`the handler could not be loaded in its thread: ${errorText(thrown)}`),
  errorClass: 'HandlerNotLoaded',
})

export const invalidData = (fault: string): Outcome => ({ ...reject(fault), errorClass: 'InvalidData' })

export const invalidOutcome: Outcome = {
  ...reject('the handler returned something that is not ack, retry or reject'),
  errorClass: 'InvalidOutcome',
}

/** For anything that a handler may throw, also what is not an Error and what cannot be read. */
export function failedWith(thrown: unknown): Outcome {
  try {
    return { ...retry(`the handler failed: ${errorText(thrown)}`), errorClass: readName(thrown) }
  } catch {
    return { ...retry('the handler failed: what it threw cannot be read'), errorClass: 'NotAnError' }
  }
}

function readName(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'NotAnError'
  return typeof thrown.name === 'string' && thrown.name !== '' ? thrown.name : 'Error'
}
