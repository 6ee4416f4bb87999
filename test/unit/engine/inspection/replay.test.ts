import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import type { FlightDump } from '../../../../src/core/ports/inspection.ts'
import { replay } from '../../../../src/engine/inspection/replay.ts'
import { readFlightRecord } from '../../../../src/engine/inspection/replay-file.ts'
import { walk } from '../../../../src/engine/inspection/tree-walk.ts'
import { history, perform } from './histories.ts'
import { type Rig, settled, startNode, tenantIdAt } from './rig.ts'

/** As it comes out of a file. */
function throughFile(dump: FlightDump): FlightDump {
  const read = readFlightRecord(JSON.stringify(dump))
  if ('fault' in read) throw new Error(read.fault)
  return read
}

const dumpAll = ({ root, recorder }: Rig): readonly FlightDump[] =>
  [...walk({ ref: root, path: 'tenantManager' }, undefined)].flatMap(({ ref }) => recorder.dump(ref, null) ?? [])

describe('the replay of flight records', () => {
  it('ends where every actor of a node has ended, whatever has happened to it', async function () {
    this.timeout(300_000)
    const played = new Set<string>()
    let crashes = 0
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const rig = startNode()
        await perform(rig, steps)
        for (const dump of [...dumpAll(rig), ...rig.incidents]) {
          const { differences } = replay(throughFile(dump))
          expect(differences, `${dump.actorId} ${dump.reason}`).to.deep.equal([])
          if (dump.entries.length > 0) played.add(dump.machine)
          if (dump.crash) crashes++
        }
        expect(JSON.stringify([...dumpAll(rig), ...rig.incidents])).not.to.match(/canary-/)
        rig.root.stop()
      }),
      { numRuns: 100, seed: 1 },
    )
    expect([...played]).to.include.members([
      'tenantManager',
      'supervisor',
      'tenant',
      'worker',
      'ledger',
      'brokerLink',
      'reconciler',
      'retryScheduler',
    ])
    expect(crashes).to.be.greaterThan(20)
  })

  it('ends elsewhere when an event or the end was changed', async () => {
    const { dump } = await dumpOfOne()
    const other = dump.entries.map((entry) => ({ ...entry, event: { type: 'tenant.end' } }))
    expect(replay({ ...dump, entries: other }).differences).not.to.deep.equal([])
    expect(replay({ ...dump, entries: dump.entries.slice(0, -1) }).differences.join()).to.match(/^state at the end/)
    expect(replay({ ...dump, last: { ...dump.last, status: 'done' } }).differences).to.deep.equal([
      'status at the end: recorded "done", replayed "active"',
    ])
    const context = { ...(dump.last.context as object), goal: 'end' }
    expect(replay({ ...dump, last: { ...dump.last, context } }).differences).to.deep.equal([
      'context.goal at the end: recorded "end", replayed "serve"',
    ])
    const base = { ...dump.base, value: 'nowhere' }
    expect(replay({ ...dump, base }).differences.join()).to.match(/^the machine cannot begin where the record begins/)
  })

  it('says what it has taken on trust, and leaves the clock as it was', async () => {
    const { now } = Date
    const { dump } = await dumpOfOne()
    expect(replay(dump).notes.join()).to.match(/ledger is stalled/)
    expect(Date.now).to.equal(now)
  })

  it('refuses what is no flight record, naming what is wrong', async () => {
    const { dump } = await dumpOfOne()
    const faultOf = (value: unknown): unknown => readFlightRecord(JSON.stringify(value))
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [null, /^format/],
      [{ ...dump, format: 'other' }, /^format/],
      [{ ...dump, version: 2 }, /^version.*2/],
      [{ ...dump, machine: 'task' }, /^machine.*task/],
      [{ ...dump, node: 1 }, /^node/],
      [{ ...dump, actorId: null }, /^actorId/],
      [{ ...dump, tenantId: 'x' }, /^tenantId/],
      [{ ...dump, reason: 1 }, /^reason/],
      [{ ...dump, recordedAt: 'never' }, /^recordedAt/],
      [{ ...dump, base: null }, /^base/],
      [{ ...dump, last: { ...dump.last, children: [1] } }, /^last/],
      [{ ...dump, entries: {} }, /^entries/],
      [{ ...dump, entries: [...dump.entries, { at: 'never', event: {}, state: '' }] }, new RegExp(`^entries\\[${dump.entries.length}\\]`)],
      [{ ...dump, crash: 'boom' }, /^crash/],
    ]
    for (const [value, fault] of wrong) expect(faultOf(value)).to.have.property('fault').that.matches(fault)
    expect(readFlightRecord('{'))
      .to.have.property('fault')
      .that.matches(/not JSON/)
  })

  it('is a command: 0 for the same state, 1 for another, 2 for what it cannot read', async () => {
    const { dump } = await dumpOfOne()
    const run = (file: string, input: string) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [command, file], { input, encoding: 'utf8' })
      return { status, stdout, stderr }
    }
    const same = run('-', JSON.stringify(dump))
    expect(same).to.deep.include({ status: 0, stderr: '' })
    expect(same.stdout)
      .to.match(/consumer\.opened +running +running\n/)
      .and.match(/ends in the same state\.\n$/)
    expect(run('-', JSON.stringify({ ...dump, entries: dump.entries.slice(0, -1) })).status).to.equal(1)
    expect(run('-', 'x')).to.deep.include({ status: 2, stdout: '' })
    expect(run('/nowhere.json', '').stderr).to.match(/^replay: \/nowhere\.json cannot be read: ENOENT/)
  }).timeout(120_000)
})

const command = join(import.meta.dirname, '../../../../src/cli/replay.ts')

/** Of a tenant that serves. */
async function dumpOfOne(): Promise<{ readonly dump: FlightDump }> {
  const rig = startNode({ serves: true })
  rig.desire(tenantIdAt(0))
  await settled()
  const ref = rig.actors.refOf(`tenant:${tenantIdAt(0)}`)
  const dump = ref && rig.recorder.dump(ref, 'asked for')
  if (!dump) throw new Error('the tenant has no record')
  return { dump: throughFile(dump) }
}
