/** Remembers for a few seconds whom a credential stands for, in bounded memory. */
import { AppError } from '../core/errors.ts'
import type { IdentityChange } from '../core/ports/identity-store.ts'
import { within } from '../core/within.ts'
import type { Principal } from './principal.ts'

export interface VerifiedPrincipal {
  readonly principal: Principal
  /** When the credential itself expires. */
  readonly expiresAtMs: number
}

/** undefined for a credential that is not valid. */
export type VerifyCredential = (credential: string) => Promise<VerifiedPrincipal | undefined>

export interface PrincipalMemory {
  /** From memory, or as `verify` says. Refusals are not remembered. Errors: those of `verify`. */
  recall(credential: string): Promise<Principal | undefined>
  /** What is remembered of this session, key, user or tenant is asked again. */
  forget(change: IdentityChange): void
}

/** How long a credential is believed without looking again: the longest that a lost hint keeps a revocation from being seen. */
const believeMs = 5_000
/** The same while the database is away or silent, when nobody can look and nobody can revoke through it. */
const believeBlindlyMs = 60_000
/** How long who is remembered waits for a database that does not answer. */
const patienceMs = 1_000
const maxRemembered = 10_000

interface Remembered extends VerifiedPrincipal {
  readonly verifiedAtMs: number
  freshUntilMs: number
}

export function createPrincipalMemory(verify: VerifyCredential, now: () => number, patience = patienceMs): PrincipalMemory {
  const remembered = new Map<string, Remembered>()
  const asking = new Map<string, Promise<Principal | undefined>>()
  let changes = 0

  const remember = (credential: string, verified: VerifiedPrincipal): void => {
    remembered.delete(credential)
    // Insertion order is age: the first key is the oldest.
    if (remembered.size >= maxRemembered) remembered.delete(remembered.keys().next().value ?? '')
    const freshUntilMs = Math.min(verified.expiresAtMs, now() + believeMs)
    remembered.set(credential, { ...verified, verifiedAtMs: now(), freshUntilMs })
  }

  /** What is known, when it may be believed without a look. */
  const believe = (credential: string): Principal | undefined => {
    const known = remembered.get(credential)
    const blindUntilMs = known ? Math.min(known.expiresAtMs, known.verifiedAtMs + believeBlindlyMs) : 0
    if (!known || now() >= blindUntilMs) return undefined
    known.freshUntilMs = Math.min(blindUntilMs, now() + believeMs)
    return known.principal
  }

  const ask = async (credential: string): Promise<Principal | undefined> => {
    const changesBefore = changes
    try {
      const verified = await verify(credential)
      if (!verified) remembered.delete(credential)
      // What was looked up before a change may be from before it: good for this request, not for the next.
      else if (changes === changesBefore) remember(credential, verified)
      return verified?.principal
    } catch (error) {
      const believed = error instanceof AppError && error.code === 'database.unavailable' ? believe(credential) : undefined
      if (!believed) throw error
      return believed
    }
  }

  const begin = (credential: string): Promise<Principal | undefined> => {
    const answer = ask(credential).finally(() => {
      if (asking.get(credential) === answer) asking.delete(credential)
    })
    asking.set(credential, answer)
    return answer
  }

  return {
    async recall(credential) {
      const known = remembered.get(credential)
      if (known && now() < known.freshUntilMs) return known.principal
      const answer = asking.get(credential) ?? begin(credential)
      return known ? within(answer, patience, () => believe(credential) ?? answer) : answer
    },

    forget(change) {
      changes++
      // Whoever asks from now on must not get an answer that was looked up before.
      asking.clear()
      for (const [credential, { principal }] of remembered) if (isAbout(principal, change)) remembered.delete(credential)
    },
  }
}

function isAbout(principal: Principal, { of, id }: IdentityChange): boolean {
  switch (of) {
    case 'session':
      return principal.kind !== 'api_key' && principal.sessionId === id
    case 'api_key':
      return principal.kind === 'api_key' && principal.id === id
    case 'user':
      return principal.kind !== 'api_key' && principal.id === id
    case 'tenant':
      return principal.kind !== 'admin' && principal.tenantId === id
  }
}
