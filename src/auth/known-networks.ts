/** Remembers from which networks accounts have logged in, in bounded memory. */

export interface KnownNetworks {
  has(account: string, network: string): boolean
  add(account: string, network: string): void
}

export interface KnownNetworksOptions {
  /** Since the last login of the account from the network. */
  readonly keepMs: number
  /** Over all accounts; beyond them the account that has not logged in for the longest is forgotten. */
  readonly maxPairs: number
  /** Of one account; beyond them its oldest network is forgotten: one user cannot push all others out. */
  readonly maxNetworks: number
  readonly now: () => number
}

export function createKnownNetworks({ keepMs, maxPairs, maxNetworks, now }: KnownNetworksOptions): KnownNetworks {
  /** Of each account its networks and until when they are known; both in the order of the last login. */
  const accounts = new Map<string, Map<string, number>>()
  let pairs = 0

  const forget = (account: string): void => {
    pairs -= accounts.get(account)?.size ?? 0
    accounts.delete(account)
  }

  return {
    has(account, network) {
      const untilMs = accounts.get(account)?.get(network)
      return untilMs !== undefined && now() < untilMs
    },
    add(account, network) {
      const networks = accounts.get(account) ?? new Map<string, number>()
      forget(account)
      networks.delete(network)
      networks.set(network, now() + keepMs)
      if (networks.size > maxNetworks) networks.delete(networks.keys().next().value ?? '')
      accounts.set(account, networks)
      pairs += networks.size
      while (pairs > maxPairs && accounts.size > 1) forget(accounts.keys().next().value ?? '')
    },
  }
}
