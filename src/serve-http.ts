/** The HTTP side of a node, composed over its engine and its database: who asks, what they may, how much, and what is noted. */
import { createIdentity, type InstallationKeys } from './auth/index.ts'
import type { Config } from './config/index.ts'
import { AppError, toError } from './core/errors.ts'
import type { Logger } from './core/ports/logger.ts'
import type { EngineMetrics } from './core/ports/metrics.ts'
import type { TenantSecrets } from './core/ports/tenant-secrets.ts'
import type { Database } from './database/index.ts'
import { createTenantExport, type Engine } from './engine/index.ts'
import { createHttpServer, createLimiter, type HttpServer } from './http/index.ts'
import { version } from './version.ts'

export interface HttpServices {
  readonly config: Config
  readonly keys: InstallationKeys
  readonly database: Database
  readonly engine: Engine
  readonly secrets: TenantSecrets
  readonly metrics: EngineMetrics
  readonly log: Logger
}

export function createNodeHttp({ config, keys, database, engine, secrets, metrics, log }: HttpServices): HttpServer {
  const { users, sessions, invitations, apiKeys, audit, asTenant } = database
  const { bodyLimitBytes, maxHeaderBytes, headersTimeoutMs, requestTimeoutMs, trustProxy, corsOrigins, rateLimits } = config.http
  const identity = createIdentity({
    admins: database.auth,
    users,
    sessions,
    invitations,
    apiKeys,
    hints: database.identityHints,
    keys: keys.tokens,
    tenants: {
      exists: async (id) => {
        const tenant = await database.tenants.desiredOf(id)
        return tenant !== undefined && tenant.status !== 'deleting'
      },
      create: async (name) => (await engine.createTenant({ name })).tenant.id,
      remove: async (id) => void (await engine.deleteTenant(id, 'discard', 0)),
    },
    settings: config.auth,
  })
  const logHttp = (level: 'debug' | 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>) =>
    log[level](message, details)
  return createHttpServer({
    engine,
    identity,
    audit,
    secrets,
    inspection: engine.inspection,
    flightRecords: database.flightRecords,
    asTenant,
    payloadVisibility: config.payloadVisibility,
    limiter: createLimiter({
      managementPerSecond: rateLimits.managementPerSecond,
      chatPerSecond: rateLimits.chatPerSecond,
      store: rateLimits.store,
      shared: {
        query: async (text, values) => (await database.pool.query(text, [...values])).rows,
        otherApiNodes: () => database.nodes.otherApiNodes(),
      },
      tenantConfig: (id) => engine.tenantConfig(id),
      log: logHttp,
    }),
    exportTenant: createTenantExport({ engine, identity: { users, invitations, apiKeys }, audit, secrets, asTenant, version }),
    metrics: async (options) => {
      const { contentType, text } = await metrics.render(options)
      return { contentType, body: text }
    },
    metricsToken: config.metrics.token,
    countRequest: metrics.answered,
    limits: { bodyBytes: bodyLimitBytes, headerBytes: maxHeaderBytes, headersTimeoutMs, requestTimeoutMs },
    trustProxy,
    corsOrigins,
    servesApi: config.role !== 'worker',
    log: logHttp,
    version,
  })
}

/** Errors: AppError `config.invalid` for a port that is taken; but a worker then takes any free one. */
export async function listen(http: HttpServer, config: Config, log: Logger): Promise<{ readonly port: number }> {
  try {
    return await http.listen(config.port, config.host)
  } catch (thrown) {
    const code = 'code' in toError(thrown) ? (thrown as { code: unknown }).code : undefined
    // A worker's port is for health and metrics only: beside an API node on one machine any other will do.
    if (code === 'EADDRINUSE' && config.role === 'worker') {
      const other = await http.listen(0, config.host)
      log.warn('the port is taken; this worker answers health and metrics on another one', { wanted: config.port, port: other.port })
      return other
    }
    if (code === 'EADDRINUSE') {
      throw new AppError('config.invalid', `port ${config.port} on ${config.host} is taken by another program; set PORT to a free one`)
    }
    throw thrown
  }
}
