/** One trial: load, faults one after the other, rest, and the verdict of the checker. */
import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../support/eventually.ts'
import type { BrokerKind } from '../support/installation.ts'
import { createRandom } from '../support/random.ts'
import type { Fault, Scene } from './faults/fault.ts'
import { checkHistory, type Verdict } from './history/check.ts'
import { readFinalState } from './history/final-state.ts'
import { openHistory } from './history/history.ts'
import { expectations } from './load/expectations.ts'
import { type LoadTenant, readTenant, startLoad } from './load/load.ts'
import { usualMix } from './load/message.ts'
import { createPublisher } from './load/publisher.ts'
import type { Profile } from './profile.ts'
import { compareFootprints, type Footprint, readFootprint } from './stage/footprint.ts'
import type { Servers } from './stage/servers.ts'
import { settle } from './stage/settle.ts'
import { createStage, type Stage } from './stage/stage.ts'

export interface TrialOptions {
  readonly broker: BrokerKind
  readonly servers: Servers
  readonly profile: Profile
  readonly faults: readonly Fault[]
  readonly seed: number
  /** Where the history of the trial is kept. */
  readonly resultsDir: string
  readonly say: (line: string) => void
}

export interface TrialResult {
  readonly broker: BrokerKind
  readonly faults: readonly string[]
  readonly seed: number
  readonly historyFile: string
  readonly verdict: Verdict
  /** One per fault that was recovered from. */
  readonly recoveries: readonly Recovery[]
  readonly slowestCallMs: number
  readonly before: Footprint | undefined
  readonly after: Footprint | undefined
  /** Everything that contradicts the invariants, one line each; empty when all hold. */
  readonly complaints: readonly string[]
}

/** Both from the moment the cause was gone, for the last tenant. */
export interface Recovery {
  /** Until it took a message, and recorded one. */
  readonly workingMs: number
  /** Until it had recorded a message that was published after the cause was gone: what had piled up is done. */
  readonly caughtUpMs: number
}

const recoveryLimitMs = 120_000
const footprintLimitMs = 60_000

export async function runTrial(options: TrialOptions): Promise<TrialResult> {
  const { broker, profile, faults, seed, resultsDir } = options
  mkdirSync(resultsDir, { recursive: true })
  const historyFile = join(resultsDir, `history-${broker}-${faults.length === 1 ? faults[0]?.name : 'all'}-${seed}.jsonl`)
  using history = openHistory(historyFile)
  await using stage = await createStage(broker, options.servers, profile.env)
  const random = createRandom(seed)
  const tenants = await createTenants(stage, profile.tenants)
  for (const { id, canary } of tenants) history.add({ kind: 'tenant', tenant: id, canary })
  const publisher = createPublisher(stage.engine.api, history)
  const complaints: string[] = []
  const recoveries: Recovery[] = []
  let before: Footprint | undefined
  {
    const { lanes, pauseMs, callsBetween, intensity } = profile
    const shared = { history, publisher, tenants, api: stage.engine.api, mix: usualMix }
    await using load = startLoad({ ...shared, lanes, pauseMs, random: random.fork('load') })
    await load.more(callsBetween)
    before = await readFootprint(stage)
    for (const fault of faults) {
      const scene: Scene = { stage, load, tenants, history, intensity, random: random.fork(fault.name) }
      try {
        await load.more(callsBetween)
        const recovery = await sufferFault(fault, scene)
        recoveries.push(recovery)
        options.say(`${broker} ${fault.name}: works after ${recovery.workingMs} ms, has caught up after ${recovery.caughtUpMs} ms`)
      } catch (error) {
        complaints.push(`${fault.name}: ${error instanceof Error ? (error.stack ?? error.message) : error}`)
      }
    }
    await load.more(callsBetween).catch((error: unknown) => complaints.push(`after the faults: ${String(error)}`))
  }
  complaints.push(
    ...(await settle(
      stage,
      tenants.map(({ id }) => id),
    )),
  )
  for (const tenant of tenants) await readTenant({ api: stage.engine.api, history }, tenant)
  const after = before && (await settleFootprint(stage, before, tenants.length, complaints))
  const state = await readFinalState(stage.database, stage.effectsFile)
  const verdict = checkHistory(history.entries(), state, expectations)
  complaints.push(...verdict.violations.map(({ kind, tenant, detail }) => `${kind}: tenant ${tenant}: ${detail}`))
  complaints.push(...stage.surprises())
  if (complaints.length > 0) keepEvidence(stage, historyFile)
  await deleteTenants(stage, tenants)
  const names = faults.map(({ name }) => name)
  return { broker, faults: names, seed, historyFile, verdict, recoveries, slowestCallMs: publisher.slowestMs, before, after, complaints }
}

async function sufferFault(fault: Fault, scene: Scene): Promise<Recovery> {
  scene.history.add({ kind: 'fault', name: fault.name, phase: 'begins' })
  await fault.inject(scene)
  scene.history.add({ kind: 'fault', name: fault.name, phase: 'healed' })
  const recoveries = await Promise.all(scene.tenants.map((tenant) => watchRecovery(scene, tenant)))
  scene.history.add({ kind: 'fault', name: fault.name, phase: 'recovered' })
  return {
    workingMs: Math.max(...recoveries.map(({ workingMs }) => workingMs)),
    caughtUpMs: Math.max(...recoveries.map(({ caughtUpMs }) => caughtUpMs)),
  }
}

async function watchRecovery({ stage, load }: Scene, tenant: LoadTenant): Promise<Recovery> {
  const healedAtMs = Date.now()
  const patience = { timeoutMs: recoveryLimitMs, everyMs: 20 }
  const find = async (condition: string, value: unknown): Promise<boolean> =>
    (await stage.database.query(`select 1 from messages where tenant_id = $1 and ${condition} limit 1`, [tenant.id, value])).length > 0
  const id = await eventually(async () => (await load.publish(tenant, 'stored', 1))[0] ?? false, patience)
  await eventually(() => find('processed_at > to_timestamp($2::float8 / 1000)', healedAtMs), patience)
  const workingMs = Date.now() - healedAtMs
  await eventually(() => find('id = $2', id), patience)
  return { workingMs, caughtUpMs: Date.now() - healedAtMs }
}

async function createTenants(stage: Stage, count: number): Promise<readonly LoadTenant[]> {
  const create = async (place: number): Promise<LoadTenant> => {
    const { id } = await stage.api().createTenant({ workers: place === 0 ? 1 : 5 })
    return { id, canary: `canary-${randomBytes(8).toString('hex')}` }
  }
  return Promise.all(Array.from({ length: count }, (_, place) => create(place)))
}

/** A broker that was there before keeps nothing of the trial. */
async function deleteTenants(stage: Stage, tenants: readonly LoadTenant[]): Promise<void> {
  await Promise.allSettled(tenants.map(({ id }) => stage.api().call('DELETE', `/v1/tenants/${id}?mode=discard`)))
}

/** Channels and sockets close a moment after their reason is gone. */
async function settleFootprint(stage: Stage, before: Footprint, tenants: number, complaints: string[]): Promise<Footprint> {
  let after = await readFootprint(stage)
  const check = async (): Promise<void> => {
    after = await readFootprint(stage)
    const leaks = compareFootprints(before, after, tenants)
    if (leaks.length > 0) throw new Error(leaks.join('; '))
  }
  await eventually(check, { timeoutMs: footprintLimitMs, everyMs: 500 }).catch((error: unknown) =>
    complaints.push(`leak: ${String(error)}`),
  )
  return after
}

/** Beside the history: what the handlers did, and what the engine wrote. */
function keepEvidence(stage: Stage, historyFile: string): void {
  writeFileSync(historyFile.replace('history-', 'log-'), stage.output())
  if (existsSync(stage.effectsFile)) copyFileSync(stage.effectsFile, historyFile.replace('history-', 'effects-'))
}
