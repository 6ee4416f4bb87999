/** How many requests of one client are being answered: each answer is in memory until its client has read it. */
import type { ServerResponse } from 'node:http'
import type { Principal } from '../../auth/index.ts'
import { Refusal } from '../request/refusal.ts'
import { onceClosed } from './once-closed.ts'

export interface InFlight {
  /**
   * Counts a request until what this returns has been called and the response is finished or closed: work for a client that has
   * gone counts as well.
   *
   * Errors: Refusal `request.rate_limited` with the text when `most` of `who` are counted.
   */
  enter(limit: InFlightLimit, response: ServerResponse): () => void
  /** What an answer without end counts against now: of one client at most `most`, and fewer of a tenant when few places are left. */
  endless(principal: Principal, most: number): readonly InFlightLimit[]
}

export interface InFlightLimit {
  readonly who: string
  readonly most: number
  readonly text?: string
}

/** Of one tenant, or of one platform admin. */
export const maxRequestsInFlight = 64

/** Of a node: each is a connection, and what its client has not read yet. */
const maxEndless = 100
/** The rest is for platform admins, who must see what goes on most when others use all that there is. */
const maxEndlessOfTenants = 90
/** Of what is free one tenant may have a tenth: whoever has many tenants cannot take all with a few of them. */
const shareOfFree = 0.1

export function createInFlight(): InFlight {
  const counts = new Map<string, number>()

  const leave = (who: string): void => {
    const count = counts.get(who) ?? 0
    if (count > 1) counts.set(who, count - 1)
    else counts.delete(who)
  }

  const countOf = (who: string): number => counts.get(who) ?? 0

  return {
    enter({ who, most, text }, response) {
      const count = countOf(who)
      if (count >= most) throw tooMany(text ?? `At most ${most} such requests of one client are answered at once; read the answers first.`)
      counts.set(who, count + 1)
      let endsToCome = 2
      const end = (): void => {
        endsToCome -= 1
        if (endsToCome === 0) leave(who)
      }
      onceClosed(response, end)
      return end
    },

    endless(principal, most) {
      const own = `endless ${toInFlightKey(principal)}`
      const [all, tenants] = ['endless', 'endless of tenants']
      // How many places there are now is not a tenant's to know.
      const text = `No more such streams are open to you now: of one client at most ${most} are, and fewer when many are open. Close one first.`
      const ofAll = { who: all, most: maxEndless, text }
      if (principal.kind === 'admin') return [{ who: own, most, text }, ofAll]
      const free = Math.min(maxEndlessOfTenants - countOf(tenants), maxEndless - countOf(all))
      const share = Math.max(1, Math.min(most, Math.floor(free * shareOfFree)))
      return [{ who: own, most: share, text }, { who: tenants, most: maxEndlessOfTenants, text }, ofAll]
    },
  }
}

/** Whose requests count together: a tenant has many users and keys, and one share of the memory. */
export const toInFlightKey = (principal: Principal): string =>
  principal.kind === 'admin' ? `admin:${principal.id}` : `tenant:${principal.tenantId}`

const tooMany = (text: string): Refusal => new Refusal('request.rate_limited', text, { headers: { 'retry-after': '1' } })
