import fc from 'fast-check'
import { command } from './commands.ts'
import { play } from './play.ts'

/** The same histories each time, so that a run says something about a change; a number in the variable explores others. */
const wanted = process.env.TENANTRY_MODEL_RUNS
const runs = Number(wanted ?? 300)
const seed = wanted === undefined ? { seed: 1 } : {}

describe('nodes, whatever happens to them', () => {
  it(`lose, repeat and invent nothing, converge, and leave nothing behind (${runs} histories)`, async function () {
    this.timeout(60_000 + runs * 2_000)
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 60, size: 'max' }), fc.nat(), async (commands, chance) => {
        const { breaches } = await play(commands, chance)
        if (breaches.length > 0) throw new Error(breaches.join('\n'))
      }),
      { numRuns: runs, ...seed },
    )
  })
})
