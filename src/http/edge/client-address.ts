/** Where a request comes from, as far as the configured proxies are to be believed. */
import { isIP } from 'node:net'
import type { Request } from 'express'

/** The client's IP address; of the connection, when what a trusted proxy says is not an address. Empty when the client has gone. */
export function clientAddress(request: Request): string {
  const said = toPlainAddress(request.ip ?? '')
  return isIP(said) === 0 ? toPlainAddress(request.socket.remoteAddress ?? '') : said
}

/** IPv4 as IPv4, also where it is written as IPv6; without the port that some proxies add. */
function toPlainAddress(text: string): string {
  const withoutPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? /^\[([^\]]+)\](:\d+)?$/.exec(text)?.[1] ?? text
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(withoutPort)?.[1] ?? withoutPort
}
