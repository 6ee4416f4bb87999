/** The part of an address that one client is likely to have for itself. */

/**
 * An IPv4 address, also where it is written as IPv6, or the first half of an IPv6 address: a household or a server has the other
 * 64 bits to choose from. Any other text is given back as it is.
 *
 * Errors: none; total.
 */
export function toNetwork(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const plain = address.replace(/%.*$/, '')
  if (!/^[\da-f]*:[\da-f:.]*$/i.test(plain)) return address
  const [left = [], right = []] = plain.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const groups = [...left, ...new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}
