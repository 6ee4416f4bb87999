/** Composes service URLs from the variables PSQL_* and RABBITMQ_*. */
import { type Candidate, configError } from './candidate.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The variable's text, trimmed; an empty variable counts as unset. */
export const readVariable = (env: Environment, name: string): string | undefined => env[name]?.trim() || undefined

/** A password's text, spaces kept; an empty variable counts as unset. */
export const readSecretVariable = (env: Environment, name: string): string | undefined => env[name] || undefined

const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']

/** undefined when PSQL_HOST is unset. */
export function composeDatabaseUrl(env: Environment): Candidate | undefined {
  const host = readVariable(env, 'PSQL_HOST')
  if (host === undefined) return undefined
  const sslMode = readVariable(env, 'PSQL_SSLMODE') ?? 'disable'
  if (!sslModes.includes(sslMode)) throw variableError('PSQL_SSLMODE', sslMode, `one of ${sslModes.join(', ')}`)
  const user = encodeURIComponent(readVariable(env, 'PSQL_USER') ?? 'admin')
  const password = encodeURIComponent(readSecretVariable(env, 'PSQL_PASS') ?? 'admin123@#')
  const name = encodeURIComponent(readVariable(env, 'PSQL_DBNAME') ?? 'app')
  const address = `${toUrlHost('PSQL_HOST', host)}:${readPort(env, 'PSQL_PORT', 5432)}`
  return { value: `postgresql://${user}:${password}@${address}/${name}?sslmode=${sslMode}`, source: 'PSQL_* in the environment' }
}

/** undefined when RABBITMQ_HOST is unset. */
export function composeRabbitmqUrl(env: Environment): Candidate | undefined {
  const host = readVariable(env, 'RABBITMQ_HOST')
  if (host === undefined) return undefined
  const user = encodeURIComponent(readVariable(env, 'RABBITMQ_USER') ?? 'guest')
  const password = encodeURIComponent(readSecretVariable(env, 'RABBITMQ_PASS') ?? 'guest')
  const vhost = encodeURIComponent(readVariable(env, 'RABBITMQ_VHOST') ?? '/')
  const address = `${toUrlHost('RABBITMQ_HOST', host)}:${readPort(env, 'RABBITMQ_PORT', 5672)}`
  return { value: `amqp://${user}:${password}@${address}/${vhost}`, source: 'RABBITMQ_* in the environment' }
}

function toUrlHost(name: string, host: string): string {
  if (/^[\w.-]+$/.test(host)) return host
  if (/^[0-9a-f:.]+$/i.test(host)) return `[${host}]`
  // A folder with the server's Unix socket.
  if (name === 'PSQL_HOST' && host.startsWith('/')) return encodeURIComponent(host)
  throw variableError(name, host.includes('@') ? '***' : host, 'a host name or an IP address, without scheme or port')
}

function readPort(env: Environment, name: string, fallback: number): number {
  const text = readVariable(env, name)
  if (text === undefined) return fallback
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw variableError(name, text.includes('@') ? '***' : text, 'a whole number from 1 to 65535')
  return port
}

const variableError = (name: string, value: string, accepts: string): Error =>
  configError(`${name} in the environment is ${JSON.stringify(value.slice(0, 120))}; it accepts ${accepts}`)
