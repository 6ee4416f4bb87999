/** Failures that come after a change is stored: the change stands, and whoever keeps track of changes must hear of it. */
import { AppError } from './errors.ts'

/** What `follow` gives. Errors: those of `follow`; an AppError among them says in its details that the change is `stored`. */
export async function afterStored<T>(follow: () => Promise<T>): Promise<T> {
  try {
    return await follow()
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const { code, message, retryable, scope, details } = error
    throw new AppError(code, message, { retryable, scope, details: { ...details, stored: true }, cause: error })
  }
}

/** Whether a failure has left a stored change behind. */
export const hasStoredChange = (error: unknown): error is AppError =>
  error instanceof AppError && (error.code === 'tenant.not_converged' || error.details.stored === true)
