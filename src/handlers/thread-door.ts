/** The package `tenantry` as a handler's thread sees it: what handlers need, without the engine, which is slow to load. */
import { AppError } from '../core/errors.ts'

export { AppError } from '../core/errors.ts'
export { ack, reject, retry } from '../core/outcome.ts'
export { defineHandler } from './define-handler.ts'

export async function createTenantry(): Promise<never> {
  throw new AppError('internal', 'createTenantry: a handler that runs in a thread cannot start an engine')
}
