/**
 * Errors that a handler throws where nobody waits for it: in a timer's callback, in a promise that was let go. In a process
 * that serves many tenants they cost the message they belong to, not the process.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

type OnStray = (error: unknown) => void

const runs = new AsyncLocalStorage<OnStray>()

/** Whatever `work` sets off, now or later, belongs to it: `onStray` hears of its errors, also after it has ended. */
export const callAttributed = <T>(onStray: OnStray, work: () => T): T => runs.run(onStray, work)

/**
 * Makes `exit` one that a handler cannot use: it is an error of its own run instead. The program's own calls pass.
 *
 * ```ts
 * process.exit = keepFromHandlers(process.exit)
 * ```
 */
export const keepFromHandlers =
  (exit: (code?: number | string | null) => never) =>
  (code?: number | string | null): never => {
    if (!runs.getStore()) return exit(code)
    throw Object.assign(new Error(`it called process.exit(${code ?? ''})`), { name: 'HandlerExited' })
  }

/**
 * To be called from the process's own `uncaughtException` listener: true when the error is a handler's, which has been told.
 * Any other is a defect of the program, which should end.
 */
export function attributeStrayError(error: unknown): boolean {
  const onStray = runs.getStore()
  if (!onStray) return false
  onStray(error)
  return true
}
