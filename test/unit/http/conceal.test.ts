import { expect } from 'chai'
import type { FlightDump } from '../../../src/core/ports/inspection.ts'
import { replay } from '../../../src/engine/inspection/replay.ts'
import { conceal, type Eyes } from '../../../src/http/routes/actors/conceal.ts'
import { settled, startNode, tenantIdAt } from '../engine/inspection/rig.ts'

const yellow = 'cannot handle {"iban":"yellow"}'
const id = `tenant:${tenantIdAt(1)}`
const eyes: readonly Eyes[] = [
  { config: false, texts: false },
  { config: true, texts: false },
  { config: false, texts: true },
]

/** A tenant on a node of real machines that fails over data, and has a configuration. */
async function startFailing() {
  const rig = startNode({ serves: true })
  rig.desire(tenantIdAt(1), { config: { greeting: 'hello' } })
  await settled()
  await settled()
  return rig
}

describe('what is concealed of an actor', () => {
  it('is every text of an error and every configuration, and nothing else', async () => {
    const rig = await startFailing()
    rig.say(`${id}.consumer`, { type: 'consumer.lost', reason: yellow })
    const { context, state } = rig.actors.find(id) ?? {}
    expect(state).to.equal('backing_off')
    expect(JSON.stringify(context)).to.include('yellow').and.include('hello')
    for (const seen of eyes) {
      const text = JSON.stringify(conceal(context, seen))
      expect([text.includes('yellow'), text.includes('hello')]).to.deep.equal([seen.texts, seen.config])
    }
    expect(conceal(context, { config: true, texts: true })).to.equal(context)
  })

  const failures: Readonly<Record<string, (rig: Awaited<ReturnType<typeof startFailing>>) => Promise<string>>> = {
    'lost its channel': async (rig) => {
      rig.say(`${id}.consumer`, { type: 'consumer.lost', reason: yellow })
      return id
    },
    'whose worker crashed': async (rig) => {
      rig.send(`${id}.worker:1`, { type: 'mailbox.ready' })
      rig.say(`${id}.worker:1.loop`, { type: 'loop.crashed', reason: yellow })
      return id
    },
    'crashed itself': async (rig) => {
      rig.crashNext(new Error(yellow))
      rig.desire(tenantIdAt(1), { workers: 3 })
      return id
    },
  }
  for (const [what, fail] of Object.entries(failures)) {
    it(`of one that ${what} leaves a dump that replays to its own end`, async () => {
      const rig = await startFailing()
      const actorId = await fail(rig)
      await settled()
      const ref = rig.actors.refOf(actorId)
      const dump: FlightDump | undefined = rig.incidents[0] ?? (ref && rig.recorder.dump(ref, null))
      if (!dump) throw new Error('there is no dump')
      expect(JSON.stringify(dump)).to.include('yellow')
      expect(replay(dump).differences).to.deep.equal([])
      for (const seen of eyes) {
        const concealed = conceal(dump, seen)
        if (!seen.texts) expect(JSON.stringify(concealed)).to.not.include('yellow')
        expect(replay(concealed).differences, JSON.stringify(seen)).to.deep.equal([])
      }
    })
  }
})
