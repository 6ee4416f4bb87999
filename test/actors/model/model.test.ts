import fc from 'fast-check'
import { command } from './commands.ts'
import { play } from './play.ts'

const runs = Number(process.env.TENANTRY_MODEL_RUNS ?? 1_000)

describe('nodes, whatever happens to them', () => {
  it(`lose, repeat and invent nothing, converge, and leave nothing behind (${runs} histories)`, async function () {
    this.timeout(60_000 + runs * 500)
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 60, size: 'max' }), fc.nat(), async (commands, seed) => {
        const { breaches } = await play(commands, seed)
        if (breaches.length > 0) throw new Error(breaches.join('\n'))
      }),
      { numRuns: runs },
    )
  })
})
