/** The faults that fit into a test run: each once, one after the other, on one engine under load. `npm run faults` has the rest. */
import { join } from 'node:path'
import { expect } from 'chai'
import { brokerKinds } from '../support/installation.ts'
import { createRandom } from '../support/random.ts'
import { faults } from './faults/registry.ts'
import { profiles } from './profile.ts'
import { startServers } from './stage/servers.ts'
import { runTrial } from './trial.ts'

const seed = Number(process.env.TENANTRY_FAULT_SEED ?? 1)
const limitMs = 900_000

describe(`faults under load, seed ${seed}`, function () {
  this.timeout(limitMs)
  const running = new Map<string, Promise<readonly string[]>>()

  before(() => {
    for (const broker of brokerKinds) {
      const run = sufferAll(broker)
      // Its own test reports the failure.
      run.catch(() => {})
      running.set(broker, run)
    }
  })
  for (const broker of brokerKinds) {
    it(`lose nothing, repeat no recorded effect, invent and leak nothing on ${broker}; everything works again`, async () => {
      expect(await running.get(broker)).to.deep.equal([])
    })
  }
})

async function sufferAll(broker: (typeof brokerKinds)[number]): Promise<readonly string[]> {
  await using servers = await startServers(broker)
  const able = faults.filter(({ brokers }) => brokers.includes(broker))
  const { complaints, historyFile } = await runTrial({
    broker,
    servers,
    profile: profiles.short,
    // Another order each seed.
    faults: createRandom(seed).shuffle(able),
    seed,
    resultsDir: join(import.meta.dirname, 'results'),
    say: process.env.TENANTRY_FAULT_SEED === undefined ? () => {} : console.log,
  })
  return complaints.length === 0 ? [] : [...complaints, `history: ${historyFile}`]
}
