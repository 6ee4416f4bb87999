/** Collects claims for a few milliseconds and settles them in one call. */
import type { Claim } from './job.ts'

export interface ClaimBatch {
  add(claim: Claim): void
  /** Settles what waits and resolves when every settling under way has ended. Never rejects. */
  flush(): Promise<void>
}

export interface ClaimBatchOptions {
  /** Settles the claims in one statement. Never rejects. */
  readonly settle: (claims: Claim[]) => Promise<void>
}

const collectMs = 4
const maxClaims = 250

/** Shape: holds a timer only while claims wait, so an idle consumer has none. */
export function createClaimBatch(options: ClaimBatchOptions): ClaimBatch {
  const underWay = new Set<Promise<void>>()
  let claims: Claim[] = []
  let timer: NodeJS.Timeout | undefined

  function send(): void {
    clearTimeout(timer)
    timer = undefined
    if (claims.length === 0) return
    const batch = claims
    claims = []
    const settling = options.settle(batch).finally(() => underWay.delete(settling))
    underWay.add(settling)
  }

  return {
    add(claim) {
      claims.push(claim)
      if (claims.length >= maxClaims) send()
      else timer ??= setTimeout(send, collectMs)
    },
    async flush() {
      send()
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}
