import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Api } from '../support/api.ts'
import { eventually } from '../support/eventually.ts'
import { type BrokerKind, brokerKinds, createInstallation, type Installation } from '../support/installation.ts'
import { expectStored, startLoad } from '../support/load.ts'
import { describeParallel } from '../support/parallel.ts'
import { environmentOf, type NodeProcess, repositoryDir, startNodeProcess } from '../support/process.ts'

const rounds = 10

describeParallel(
  'kill -9 in mid-batch under load',
  2,
  Object.fromEntries(
    brokerKinds.map((broker) => [
      `${rounds} times on ${broker} loses nothing, stores nothing twice and repeats no recorded effect`,
      () => crashAgainAndAgain(broker),
    ]),
  ),
)

async function crashAgainAndAgain(broker: BrokerKind): Promise<void> {
  await using installation = await createInstallation(broker)
  const effects = join(installation.dir, 'effects')
  // The first kill may come before the first effect.
  writeFileSync(effects, '')
  const env = {
    ...environmentOf(installation),
    TENANTRY_HANDLERS: join(repositoryDir, 'test/support/handlers/recording.ts'),
    TENANTRY_TEST_EFFECTS: effects,
  }
  let node: NodeProcess | undefined = await startNodeProcess(env)
  const { token } = node.api
  let api: Api | undefined = node.api
  const tenants = await Promise.all([api.createTenant({ workers: 1 }), api.createTenant({ workers: 10 })])
  const ids = tenants.map(({ id }) => id)
  const accepted: string[] = []
  const repeated: string[] = []
  await using load = startLoad(() => api, ids, { publishers: 4, message: { type: 'effect', data: 1 } })
  try {
    for (let round = 0; round < rounds; round++) {
      const [first, second] = ids as [string, string]
      const batches = [first, second].map((id) => node?.api.publishMany(id, Array(100).fill({ type: 'effect', data: 1 })))
      accepted.push(...(await Promise.all(batches)).flatMap((batch) => batch ?? []))
      // A different moment each time, between "just accepted" and "long committed".
      await load.more(round * 2)
      api = undefined
      node.kill('SIGKILL')
      await node.exited
      const recorded = await recordedAfterTheCrash(installation)
      const effectsUntilNow = readFileSync(effects, 'utf8').length
      node = await startNodeProcess(env, token)
      api = node.api
      const later = readFileSync(effects, 'utf8').slice(effectsUntilNow)
      repeated.push(...listEffects(later).filter((id) => recorded.has(id)))
    }
    await load.stop()
    accepted.push(...load.accepted())
    await expectStored(installation, accepted)
    const all = listEffects(readFileSync(effects, 'utf8'))
    expect(accepted.filter((id) => !new Set(all).has(id))).to.deep.equal([])
    expect(repeated).to.deep.equal([])
    expect(await installation.query(`select 1 from messages where status <> 'processed'`)).to.deep.equal([])
    await eventually(async () => {
      for (const id of ids) expect((await api?.stats(id))?.queue.ready).to.equal(0)
    })
    node.kill('SIGTERM')
    expect((await node.exited).code).to.equal(0)
  } finally {
    await node[Symbol.asyncDispose]()
  }
}

/** The ids whose outcome is committed, once the server has noticed that the node is gone. */
async function recordedAfterTheCrash(installation: Installation): Promise<ReadonlySet<string>> {
  await eventually(async () => {
    const others = await installation.query(
      `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state = 'active'`,
    )
    return others.length === 0
  })
  return new Set((await installation.query<{ id: string }>('select id from messages')).map(({ id }) => id))
}

const listEffects = (text: string): string[] => [...text.matchAll(/^effect (\S+)$/gm)].map(([, id]) => String(id))
