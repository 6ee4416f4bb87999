/** What the load consists of. */
import type { Random } from '../../support/random.ts'

export interface Draft {
  readonly id?: string
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  readonly scheduled_at?: string
}

/** Share of each type in a load, in any unit. */
export type Mix = Readonly<Record<string, number>>

/** Messages that are stored, have effects, fail for a while, and fail for good. */
export const usualMix: Mix = { stored: 50, effect: 40, lasting: 5, flaky: 5, poison: 1, hopeless: 1 }

const share = { withId: 0.5, scheduled: 0.03 }
const latestScheduleMs = 1_500

/** Half of the messages bring their id. No two have the same data. */
export function createDraft(random: Random, mix: Mix, marks: { readonly canary: string; readonly serial: number }): Draft {
  const type = pickType(random, mix)
  const data = { ...marks, text: 'x'.repeat(pickBytes(random)) }
  const id = random.chance(share.withId) ? { id: random.uuid() } : {}
  const dueInMs = random.chance(share.scheduled) ? random.between(0, latestScheduleMs) : undefined
  const schedule = dueInMs === undefined ? {} : { scheduled_at: new Date(Date.now() + dueInMs).toISOString() }
  return { ...id, type, data, ...schedule }
}

function pickType(random: Random, mix: Mix): string {
  const shares = Object.entries(mix)
  let left = random.next() * shares.reduce((sum, [, share]) => sum + share, 0)
  for (const [type, share] of shares) {
    left -= share
    if (left < 0) return type
  }
  return 'stored'
}

/** Most are small; one in a hundred fills a frame of AMQP. */
const pickBytes = (random: Random): number => (random.chance(0.01) ? random.between(60_000, 200_000) : random.between(50, 2_000))
