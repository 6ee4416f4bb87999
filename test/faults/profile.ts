/** How hard and how long: what fits into a test run, and what an evening has time for. */

export interface Intensity {
  /** A server is away, stopped or silent so long. */
  readonly awayMs: number
  /** An alarm, a lock, a slow network lasts so long. */
  readonly slowMs: number
  /** How often something small is repeated within one fault. */
  readonly repeats: number
  /** How often one unacknowledged window is given back. */
  readonly losses: number
  /** Whether each of these losses is a kill of the engine, instead of its connections. */
  readonly lossesAreKills: boolean
}

export interface Profile {
  readonly name: ProfileName
  readonly intensity: Intensity
  readonly tenants: number
  /** Calls under way at once. */
  readonly lanes: number
  readonly pauseMs: number
  /** Accepted calls before each fault, and after the last. */
  readonly callsBetween: number
  /** Of the engine, over its defaults. */
  readonly env: Readonly<Record<string, string>>
  /** Of each fault. */
  readonly trials: number
}

export type ProfileName = 'short' | 'long'

export const profiles: Readonly<Record<ProfileName, Profile>> = {
  short: {
    name: 'short',
    intensity: { awayMs: 500, slowMs: 1_000, repeats: 3, losses: 26, lossesAreKills: false },
    ...{ tenants: 3, lanes: 4, pauseMs: 10, callsBetween: 30, trials: 1 },
    // Who was away for a second is looked for again within a second.
    env: { TENANTRY_RESTART_BACKOFF_CAP_MS: '500' },
  },
  long: {
    name: 'long',
    intensity: { awayMs: 15_000, slowMs: 8_000, repeats: 10, losses: 26, lossesAreKills: true },
    ...{ tenants: 8, lanes: 6, pauseMs: 5, callsBetween: 300, trials: 5 },
    env: {},
  },
}
