/** How much is tried: what fits into a test run, and what an evening has time for. */

export type ProfileName = 'short' | 'long'

export interface Profile {
  readonly name: ProfileName
  /** Requests under way at once. */
  readonly lanes: number
  /** Bad credentials for each operation; the good ones are all tried. */
  readonly badCredentials: number
  /** Schema-mutated requests of each operation. */
  readonly fuzzRequests: number
  /** Payloads for each place that holds a text. */
  readonly payloadsPerPlace: number
  /** Bits that are flipped in each cursor. */
  readonly bitFlips: number
  /** Sockets that send a byte now and then. */
  readonly slowSockets: number
}

export const profiles: Readonly<Record<ProfileName, Profile>> = {
  short: { name: 'short', lanes: 16, badCredentials: 12, fuzzRequests: 15, payloadsPerPlace: 3, bitFlips: 24, slowSockets: 0 },
  long: {
    name: 'long',
    lanes: 32,
    badCredentials: Number.POSITIVE_INFINITY,
    fuzzRequests: 2_000,
    payloadsPerPlace: Number.POSITIVE_INFINITY,
    bitFlips: 400,
    slowSockets: 500,
  },
}
