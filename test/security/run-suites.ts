/** Runs suites on a stage of their own. */
import { createLedger, type SuiteName, type SuiteResult } from './finding.ts'
import type { Profile } from './profile.ts'
import { createStage, type Stage } from './stage/stage.ts'
import { suites } from './suites/registry.ts'

export interface RunOptions {
  readonly profile: Profile
  readonly seed: number
  readonly only?: readonly SuiteName[]
  readonly say?: (line: string) => void
}

/** Shape: a result for each suite, and one about the node: what it has logged, and whether it still stands. */
export async function runSuites({ profile, seed, only, say = () => {} }: RunOptions): Promise<readonly SuiteResult[]> {
  await using stage = await createStage({ connections: profile.lanes })
  const results: SuiteResult[] = []
  for (const [name, suite] of Object.entries(suites) as [SuiteName, (typeof suites)[SuiteName]][]) {
    if (only && !only.includes(name)) continue
    results.push(await Promise.race([suite({ stage, profile, seed, say }), refuseItsEnd(stage)]))
  }
  return [...results, await lookBack(stage)]
}

/** Never resolves. Errors: as soon as the node ends, with its last words. */
async function refuseItsEnd({ node }: Stage): Promise<never> {
  const { code, signal } = await node.exited
  throw new Error(`the node has ended with ${code ?? signal}; its last words: ${node.output().slice(-5_000)}`)
}

/** The node has survived, served no error of its own, and logged no secret. */
async function lookBack({ node, canaries, own, written, client }: Stage): Promise<SuiteResult> {
  const ledger = createLedger('node')
  const alive = await client.send({ method: 'GET', path: '/readyz', headers: {} })
  if (alive.status !== 200) ledger.found('node', 'is not ready after all this', undefined, alive)
  const secrets = {
    'a password or a secret': canaries.secret,
    'a configured secret': canaries.config,
    'an access token': own.users.owner.token,
    'a refresh token': own.users.owner.refreshToken,
    'an API key': own.keys.read.key,
    'an invitation': written.invitations[0]?.token ?? own.users.owner.token,
  }
  const lines = node.output().split('\n')
  for (const [what, secret] of Object.entries(secrets)) {
    const line = lines.find((each) => each.includes(secret))
    if (line !== undefined) ledger.found('log', `shows ${what}: ${line.slice(0, 1000)}`)
  }
  for (const line of node.log().filter(({ level }) => level === 'error'))
    ledger.found('log', `an error: ${JSON.stringify(line).slice(0, 1500)}`)
  return ledger.result()
}
