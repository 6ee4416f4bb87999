/** The public door of the package `tenantry`: write handlers, or run the engine inside your own program. */
import { type NodeOptions, startNode, type TenantryNode } from './app.ts'
import { type ConfigOverrides, loadConfig } from './config/index.ts'

export type { NodeOptions, TenantryNode } from './app.ts'
export type { ConfigOverrides } from './config/index.ts'
export { AppError, type ErrorCode } from './core/errors.ts'
export { ack, type Outcome, reject, retry } from './core/outcome.ts'
export type { EngineApi, MessageDraft, TenantDraft, TenantStats, TenantView } from './core/ports/engine-api.ts'
export { defineHandler, type HandlerContext, type HandlerDefinition, type HandlerMessage, type StandardSchema } from './handlers/index.ts'

/**
 * Starts a node of the engine in this process; resolves when it is serving.
 *
 * The configuration is the same as that of `npm start`: defaults, config.yml, the environment, and over them `overrides`
 * (keys in camelCase).
 *
 * Errors: AppError; `config.invalid` names the key.
 *
 * ```ts
 * const tenantry = await createTenantry({ port: 0, dataDir: './data' }, { handlers: [email] })
 * const { tenant } = await tenantry.engine.createTenant({ name: 'acme', … })
 * await tenantry.close()
 * ```
 */
export async function createTenantry(overrides: ConfigOverrides = {}, options: NodeOptions = {}): Promise<TenantryNode> {
  return startNode(loadConfig({ env: process.env, overrides }), options)
}
