/** The kinds of configuration keys that decide who is believed: proxies in front, browsers' origins, issuers of tokens. */
import { isIP, isIPv4 } from 'node:net'
import { z } from 'zod'
import { tenantRoles } from '../core/identity.ts'
import { listOf, parseList, type Setting } from './setting.ts'

/** How many proxies stand in front, or which ones; 0 for none. Never "all of them": anybody could then name any address. */
export const trustedProxies = (): Setting<number | readonly string[]> => ({
  schema: z.union([z.int().min(0).max(10), z.array(z.string().refine(isAddressRange)).min(1).max(100)]),
  fallback: 0,
  accepts: 'a number of proxies from 0 to 10, or a list of IP addresses and ranges such as 10.0.0.0/8',
  parseText: (text) => (/^\d{1,3}$/.test(text) ? Number(text) : parseList(text)),
})

/** What a browser sends as `Origin`. */
export const origins = (): Setting<readonly string[]> =>
  listOf(z.string().refine(isOrigin), 'a list of origins such as https://console.example.com, without a path or a slash at the end')

/** An address that is asked over TLS, or none; without TLS on this machine alone. The text is kept as it was written. */
export const httpsUrl = (example: string): Setting<string | undefined> => ({
  schema: z.string().max(500).refine(isHttpsUrl),
  fallback: undefined,
  accepts: `a URL such as ${example}, without credentials (http only for localhost)`,
  secret: 'url',
  parseText: (value) => value,
})

/** Which value of a claim stands for which role: `value=role`. */
export const roleAssignments = (): Setting<readonly string[]> =>
  listOf(
    z
      .string()
      .max(500)
      .regex(new RegExp(`^[^\\s,=][^,=]*=(${roles.join('|')})$`)),
    `a list of value=role, where role is one of ${roles.join(', ')}`,
  )

const roles = ['admin', ...tenantRoles]

function isAddressRange(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/')
  if (isIP(address) === 0 || rest.length > 0) return false
  if (prefix === undefined) return true
  return /^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= (isIPv4(address) ? 32 : 128)
}

function isOrigin(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && ['https:', 'http:'].includes(url.protocol) && url.origin === value
}

function isHttpsUrl(value: string): boolean {
  const url = URL.parse(value)
  if (!url || /\s/.test(value) || url.hash !== '' || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname))
}
