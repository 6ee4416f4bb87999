/** The part of the security suite that fits into a test run, on one node. `npm run security` has the rest. */
import { expect } from 'chai'
import type { Part } from './finding.ts'
import { profiles } from './profile.ts'
import { formatFinding } from './report.ts'
import { runSuites } from './run-suites.ts'

const seed = Number(process.env.TENANTRY_SECURITY_SEED ?? 1)
const limitMs = 400_000

/** What each suite has found when it has found nothing. */
const facts: Readonly<Record<Exclude<Part, 'slow'>, string>> = {
  rows: 'every table of a tenant’s keeps its rows from everybody else, also from the role that requests run as',
  credentials: 'every operation tells every kind of credentials what the access table says',
  ids: 'another tenant’s id is answered like one that does not exist',
  cursors: 'an altered or borrowed cursor leads nowhere',
  injection: 'no payload is executed, in any place that holds a text',
  fuzz: 'what is nearly a request is answered properly',
  node: 'the node stands, has logged no error of its own and no secret',
}

describe(`the security suite, seed ${seed}`, function () {
  this.timeout(limitMs)
  let running: ReturnType<typeof runSuites>

  before(() => {
    running = runSuites({ profile: profiles.short, seed })
    // The tests report the failure.
    running.catch(() => {})
  })

  for (const [suite, fact] of Object.entries(facts)) {
    it(fact, async () => {
      const result = (await running).find((each) => each.suite === suite)
      expect(result?.findings.map(formatFinding)).to.deep.equal([])
      if (suite !== 'rows' && suite !== 'node') expect(result?.requests, 'requests').to.be.greaterThan(1_000)
    })
  }
})
