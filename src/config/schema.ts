/** Every configuration key: its place, its default and what it accepts. The comments in config.yml explain them to users. */
import { availableParallelism } from 'node:os'
import { payloadVisibilities } from '../core/identity.ts'
import { maxWorkers, minWorkers } from '../core/tenant.ts'
import { httpsUrl, origins, roleAssignments, trustedProxies } from './edge-settings.ts'
import { decimal, integer, oneOf, optionalText, paths, type Setting, secretText, serviceUrl, text } from './setting.ts'

const hourMs = 3_600_000

/** The keys as config.yml spells them. Without `env`, a key's environment variable is TENANTRY_ and its path in capitals. */
export const settings = {
  secret: secretText(32),
  secret_previous: secretText(32),
  rabbitmq: {
    url: serviceUrl(['amqp', 'amqps'], 'amqp://user:password@host:5672/vhost', 'RABBITMQ_URL'),
    queue_type: oneOf(['quorum', 'classic'], 'quorum'),
    heartbeat_seconds: integer(0, 300, 10),
    channels_per_connection: integer(1, 2000, 200),
    delivery_limit: integer(1, 1_000_000_000, 100_000),
  },
  database: {
    url: serviceUrl(['postgres', 'postgresql'], 'postgresql://user:password@host:5432/database', 'DATABASE_URL'),
    tenant_url: serviceUrl(['postgres', 'postgresql'], 'postgresql://user:password@host:5432/database', 'DATABASE_TENANT_URL'),
    pool_size: integer(1, 500, 10),
    statement_timeout_ms: integer(100, hourMs, 30_000),
  },
  workers: integer(minWorkers, maxWorkers, 3, { env: 'WORKERS' }),
  handlers: paths(),
  port: integer(0, 65_535, 3000, { env: 'PORT' }),
  host: text('0.0.0.0', { env: 'HOST' }),
  role: oneOf(['all', 'api', 'worker'], 'all', { env: 'ROLE' }),
  data_dir: text('./data', { env: 'DATA_DIR' }),
  log: {
    level: oneOf(['debug', 'info', 'warn', 'error', 'silent'], 'info', { env: 'LOG_LEVEL' }),
    format: oneOf(['auto', 'json', 'pretty'], 'auto', { env: 'LOG_FORMAT' }),
  },
  metrics: {
    token: secretText(16, { env: 'METRICS_TOKEN' }),
    top_tenants: integer(0, 100, 10),
  },
  tracing: {
    endpoint: serviceUrl(['http', 'https'], 'http://localhost:4318', 'OTEL_EXPORTER_OTLP_ENDPOINT'),
    sample_ratio: decimal(0, 1, 1),
    service_name: optionalText({ env: 'OTEL_SERVICE_NAME' }),
  },
  payload_visibility: oneOf(payloadVisibilities, 'all'),
  prefetch: integer(1, 2000, 300),
  ledger: {
    batch_size: integer(1, 5000, 200),
    linger_ms: integer(0, 1000, 2),
    max_in_flight: integer(1, 64, 4),
  },
  publish: {
    max_in_flight: integer(1, 100_000, 2000),
    max_in_flight_per_tenant: integer(1, 100_000, 500),
    max_in_flight_bytes: integer(1024, 4_294_967_296, 67_108_864),
    confirm_timeout_ms: integer(100, 600_000, 5000),
  },
  http: {
    body_limit_bytes: integer(1024, 134_217_728, 1_048_576),
    max_header_bytes: integer(4096, 1_048_576, 16_384),
    headers_timeout_ms: integer(100, hourMs, 10_000),
    request_timeout_ms: integer(100, hourMs, 60_000),
    trust_proxy: trustedProxies(),
    cors_origins: origins(),
    rate_limits: {
      management_per_second: integer(0, 1_000_000, 100),
      chat_per_second: integer(0, 1_000_000, 50),
      store: oneOf(['auto', 'memory', 'postgres'], 'auto'),
    },
  },
  handler: {
    timeout_ms: integer(1, hourMs, 30_000),
    threads: integer(1, 256, Math.min(256, availableParallelism())),
    thread_memory_mb: integer(32, 65_536, 256),
  },
  retry: {
    attempts: integer(1, 100, 10),
    base_ms: integer(0, 24 * hourMs, 1000),
    factor: decimal(1, 100, 2),
    cap_ms: integer(0, 720 * hourMs, hourMs),
    immediate_retries: integer(0, 5, 0),
    order: oneOf(['oldest', 'latest'], 'oldest'),
    share: decimal(0.01, 1, 0.25),
  },
  circuit: {
    failures: integer(1, 100_000, 20),
    open_ms: integer(10, hourMs, 5000),
    cap_ms: integer(10, 24 * hourMs, 300_000),
  },
  idempotency: {
    keep_hours: integer(1, 720, 24),
  },
  retention: {
    messages_days: integer(0, 3650, 0),
    failures_days: integer(0, 3650, 90),
    audit_days: integer(0, 3650, 400),
    interval_ms: integer(1000, 24 * hourMs, 600_000),
  },
  drain: {
    deadline_ms: integer(0, hourMs, 25_000),
  },
  restart: {
    max_restarts: integer(0, 1000, 5),
    window_ms: integer(1000, hourMs, 60_000),
    backoff: {
      base_ms: integer(1, 60_000, 200),
      factor: decimal(1, 10, 2),
      cap_ms: integer(1, hourMs, 30_000),
    },
    probation_ms: integer(1000, 24 * hourMs, 300_000),
  },
  reconcile: {
    interval_ms: integer(100, hourMs, 5000),
  },
  inspector: {
    stately_port: integer(0, 65_535, 0, { env: 'STATELY_INSPECTOR_PORT' }),
  },
  auth: {
    token_ttl_seconds: integer(60, 2_592_000, 900),
    session_ttl_seconds: integer(300, 31_536_000, 2_592_000),
    registration: oneOf(['invite', 'open', 'closed'], 'invite'),
    login_failures_per_minute: integer(1, 10_000, 10),
    oidc: {
      issuer: httpsUrl('https://login.example.com'),
      audience: optionalText(),
      audience_claim: oneOf(['aud', 'client_id'], 'aud'),
      jwks_url: httpsUrl('https://login.example.com/jwks.json'),
      tenant_claim: text('tenant_id'),
      role_claim: text('role'),
      username_claim: text('sub'),
      roles: roleAssignments(),
    },
  },
  admin: {
    username: text('admin', { env: 'ADMIN_USERNAME' }),
    password: secretText(8, { env: 'ADMIN_PASSWORD' }),
  },
} satisfies SettingTree

export interface SettingTree {
  readonly [key: string]: Setting<unknown> | SettingTree
}

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S

type ValuesOf<Tree> = {
  readonly [Key in keyof Tree & string as CamelCase<Key>]: Tree[Key] extends Setting<infer Value> ? Value : ValuesOf<Tree[Key]>
}

type PartsOf<Values> = {
  readonly [Key in keyof Values]?:
    | (Values[Key] extends readonly unknown[] ? Values[Key] : Values[Key] extends object ? PartsOf<Values[Key]> : Values[Key])
    | undefined
}

/**
 * The checked configuration, keys in camelCase, frozen.
 *
 * Shape:  `rabbitmq.url` and `database.url` are undefined when the embedded ones are meant; paths are absolute.
 * Source: config.yml, where every key is explained.
 */
export type Config = ValuesOf<typeof settings>

/** What an embedding program passes; undefined is the same as absent. */
export type ConfigOverrides = PartsOf<Config>

/** One key with its path. */
export interface SettingEntry {
  /** As in config.yml: `ledger.batch_size`. */
  readonly key: string
  readonly path: readonly string[]
  readonly env: string
  readonly setting: Setting<unknown>
}

/** Every key, in the order of config.yml. */
export const settingEntries: readonly SettingEntry[] = listEntries(settings, [])

/** `batch_size` → `batchSize`. */
export const toCamelCase = (key: string): string => key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** True for a key, false for a section. */
export function isSetting(node: Setting<unknown> | SettingTree): node is Setting<unknown> {
  return typeof node.parseText === 'function'
}

function listEntries(tree: SettingTree, parents: readonly string[]): readonly SettingEntry[] {
  return Object.entries(tree).flatMap(([name, node]) => {
    const path = [...parents, name]
    if (!isSetting(node)) return listEntries(node, path)
    return [{ key: path.join('.'), path, env: node.env ?? `TENANTRY_${path.join('_').toUpperCase()}`, setting: node }]
  })
}
