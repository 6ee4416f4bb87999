import { randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import { schemaFingerprint } from '../../../src/database/connection-settings.ts'
import type { Database } from '../../../src/database/index.ts'
import { createNoteSeal, type NoteSeal } from '../../../src/database/peer-seal.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { logInAsTenantRole } from './tenants-rows.ts'

const channel = `tenantry_${schemaFingerprint('public')}_peers`
const patience = { deadlineMs: 10_000 }

describe('peers', () => {
  const key = randomBytes(32)
  let database: TestDatabase
  let errors: string[]
  let a: Database
  let b: Database
  let c: Database

  const open = async (nodeId: string, peerKeys: readonly Buffer[] = [key]): Promise<Database> => {
    const node = await database.open({ nodeId, peerKeys, onPeerError: (error) => errors.push(error.message) })
    await node.nodes.report([])
    await database.query("update nodes set seen_at = now() + interval '1 hour' where node_id = $1", [nodeId])
    return node
  }

  before(async () => {
    database = await createTestDatabase()
    errors = []
    a = await open('a')
    b = await open('b')
    c = await open('c')
    for (const node of [b, c]) node.peers.answer('echo', (question, from) => ({ question, from, by: node.peers.nodeId }))
    // Each has begun to listen when it answers.
    await eventually(async () => expect((await a.peers.ask('echo', 0)).missing).to.deep.equal([]))
  })
  after(() => database[Symbol.asyncDispose]())
  beforeEach(() => {
    errors = []
  })

  const send = (note: string) => database.query('select pg_notify($1, $2)', [channel, note])
  const sealPart = (seal: NoteSeal, head: Readonly<Record<string, unknown>>, body: Buffer | string = '1'): string => {
    const whole = { v: 1, id: randomBytes(6).toString('hex'), kind: 'question', topic: 'echo', from: 'b', to: 'a', about: null }
    const parts = { part: 0, parts: 1, deflated: false }
    return seal.seal(Buffer.concat([Buffer.from(`${JSON.stringify({ ...whole, ...parts, ...head })}\0`), Buffer.from(body)]))
  }

  it('ask all others or one of them, in questions and answers that are small or large', async () => {
    const question = { text: 'é\u0000\ud83d\ude00', list: [1, null] }
    const answers = (...nodes: readonly string[]) => nodes.map((node) => ({ node, answer: { question, from: 'a', by: node } }))
    expect(await a.peers.ask('echo', question)).to.deep.equal({ answers: answers('b', 'c'), missing: [] })
    expect(await a.peers.ask('echo', question, { node: 'c' })).to.deep.equal({ answers: answers('c'), missing: [] })
    for (const node of ['a', 'nobody']) {
      expect(await a.peers.ask('echo', question, { node }), node).to.deep.equal({ answers: [], missing: [] })
    }
    // Nothing that deflating would make small.
    const large = randomBytes(600_000).toString('base64')
    const { answers: found, missing } = await a.peers.ask('echo', large, patience)
    expect(missing).to.deep.equal([])
    for (const { answer } of found) expect((answer as { question: string }).question === large).to.equal(true)
    expect(found).to.have.length(2)
  })

  it('name a node that lives and says nothing, at the deadline', async () => {
    const silent = await open('silent')
    await silent.close()
    // Who lives is asked anew after a second.
    await eventually(async () => {
      const { answers, missing } = await a.peers.ask('echo', 1, { deadlineMs: 150 })
      expect(missing).to.deep.equal(['silent'])
      expect(answers.map(({ node }) => node)).to.deep.equal(['b', 'c'])
    })
    await database.query("delete from nodes where node_id = 'silent'")
    await eventually(async () => expect((await a.peers.ask('echo', 1, { deadlineMs: 150 })).missing).to.deep.equal([]))
  })

  it('name a node that cannot answer at once, and tell there why', async () => {
    const long = 'x'.repeat(2_000_000)
    const stops = [
      c.peers.answer('broken', () => {
        throw new Error('it is broken')
      }),
      c.peers.answer('long', () => long),
      c.peers.answer('odd', () => 1n),
      c.peers.answer('nothing', () => undefined),
    ]
    const startedAt = performance.now()
    for (const topic of ['unknown', 'broken', 'long', 'odd']) {
      expect(await a.peers.ask(topic, null, { ...patience, node: 'c' }), topic).to.deep.equal({ answers: [], missing: ['c'] })
    }
    expect(await a.peers.ask('echo', long, patience)).to.deep.equal({ answers: [], missing: ['b', 'c'] })
    expect(performance.now() - startedAt).to.be.below(patience.deadlineMs)
    expect(errors).to.deep.equal([
      'a question of another node about "broken" was not answered',
      'the answer of this node about "long" could not be sent',
      'the answer of this node about "odd" could not be sent',
      'the question of this node about "echo" could not be sent',
    ])
    expect(await a.peers.ask('nothing', undefined, { node: 'c' })).to.deep.equal({ answers: [{ node: 'c', answer: null }], missing: [] })
    for (const stop of stops) stop()
    expect((await a.peers.ask('nothing', null, { ...patience, node: 'c' })).missing).to.deep.equal(['c'])
  })

  it('answer 50 questions at once, and refuse the others', async () => {
    const opening = Promise.withResolvers<void>()
    const stop = b.peers.answer('slow', async (question) => {
      await opening.promise
      return question
    })
    let refused = 0
    const asked = Array.from({ length: 100 }, async (_, number) => {
      const { answers, missing } = await a.peers.ask('slow', number, { ...patience, node: 'b' })
      refused += missing.length
      // All the others have been let in when these have been refused.
      if (refused === 50) opening.resolve()
      return answers.map(({ answer }) => answer)
    })
    const answered = (await Promise.all(asked)).flat()
    expect(refused).to.equal(50)
    expect(answered).to.deep.equal(Array.from({ length: 50 }, (_, number) => number))
    stop()
  })

  it('tell news to every other node, in their order, whatever a listener does with them', async () => {
    const heard: string[] = []
    const stops = [a, b, c].map((node) =>
      node.peers.hear('word', (news, from) => {
        heard.push(`${node.peers.nodeId}: ${news} of ${from}`)
        throw new Error('not interested')
      }),
    )
    for (const word of ['one', 'two', 'y'.repeat(10_000), 'three']) a.peers.tell('word', word)
    await eventually(() => expect(heard).to.have.length(8))
    const heardBy = (node: string) => heard.filter((entry) => entry.startsWith(node)).map((entry) => entry.slice(3, 6))
    expect(heardBy('b')).to.deep.equal(['one', 'two', 'yyy', 'thr'])
    expect(heardBy('c')).to.deep.equal(heardBy('b'))
    heard.length = 0
    for (const node of ['b', 'nobody', 'a', 'c']) a.peers.tell('word', 'for one', node)
    a.peers.tell('word', 'for all')
    await eventually(() => expect(heard.filter((entry) => entry.includes('for all'))).to.have.length(2))
    expect(heard.filter((entry) => entry.includes('for one'))).to.have.members(['b: for one of a', 'c: for one of a'])
    for (const stop of stops) stop()
  })

  it('hear nothing of what is not sealed with a key of theirs, is garbage, a bomb, or was heard before', async () => {
    const questions: unknown[] = []
    const stop = a.peers.answer('echo', (question) => questions.push(question))
    const [own, strange] = [createNoteSeal([key]), createNoteSeal([randomBytes(32)])]
    const bomb = deflateRawSync(Buffer.alloc(5_000_000, '[')).subarray(0, 5_900)
    const last = sealPart(own, { id: 'last' }, '"last"')
    for (const note of [
      ...['x', 'AAAA', '{"kind":"question"}', randomBytes(100).toString('base64'), 'é'.repeat(1_000)],
      ...[own.seal(Buffer.from('garbage')), own.seal(Buffer.from('1\0')), own.seal(Buffer.alloc(0)), own.seal(Buffer.from('{\0{'))],
      ...[{ v: 2 }, { kind: 'order' }, { part: -1 }, { part: 1 }, { parts: 1e9 }, { to: 7 }, { from: 'a' }, { to: 'b' }].map((head) =>
        sealPart(own, head),
      ),
      ...[sealPart(own, {}, '{'), sealPart(own, { deflated: true }), sealPart(own, { deflated: true }, bomb)],
      ...[sealPart(strange, {}), `${sealPart(own, {}).slice(0, -8)}AAAAAAA=`],
      ...[last, last],
    ]) {
      await send(note)
    }
    await eventually(() => expect(questions).to.deep.equal(['last']))
    expect([...new Set(errors)], 'said once by each node').to.deep.equal([errors[0]])
    expect(errors[0]).to.include('TENANTRY_SECRET')
    stop()
    // The one that came twice has been read by now, if it was to be.
    expect((await b.peers.ask('echo', 0, { ...patience, node: 'c' })).answers).to.have.length(1)
    expect(questions).to.deep.equal(['last'])
  })

  it('are read by nobody who may but connect to the database', async () => {
    await using session = await logInAsTenantRole(database)
    const notes: string[] = []
    session.onNote((note) => notes.push(note))
    await session.run(`listen ${channel}`)
    await a.peers.ask('echo', 'a secret question', patience)
    await eventually(async () => {
      await session.run('select 1')
      expect(notes).to.have.length.at.least(3)
    })
    for (const note of notes) expect(Buffer.from(note, 'base64').toString('latin1')).to.not.match(/secret|echo/)
  })

  it('hear whoever seals with any of their keys, and nobody else', async () => {
    const key2 = randomBytes(32)
    const [early, late, deaf] = [await open('early', [key, key2]), await open('late', [key2, key]), await open('deaf', [])]
    for (const node of [early, late, deaf]) node.peers.answer('name', () => node.peers.nodeId)
    const askedBy = async (node: Database) => {
      const { answers } = await node.peers.ask('name', null, { deadlineMs: 150 })
      return answers.map(({ answer }) => answer)
    }
    // `a` has the first key only, so it does not hear what `late` answers.
    await eventually(async () => expect(await askedBy(a)).to.deep.equal(['early']))
    await eventually(async () => expect(await askedBy(early)).to.deep.equal(['late']))
    await eventually(async () => expect(await askedBy(late)).to.deep.equal(['early']))
    expect(await askedBy(deaf)).to.deep.equal([])
    for (const node of [early, late, deaf]) await node.nodes.leave()
  })

  it('of a node alone send nothing, and of a closed one neither ask nor wait', async () => {
    await using other = await createTestDatabase()
    const alone = await other.open({ nodeId: 'alone', peerKeys: [key] })
    await alone.nodes.report([])
    const notes: string[] = []
    alone.listener.listen('peers', (note) => notes.push(note))
    await eventually(() => {
      alone.listener.notify('peers', 'probe')
      expect(notes).to.not.deep.equal([])
    })
    expect(await alone.peers.ask('echo', 1)).to.deep.equal({ answers: [], missing: [] })
    alone.peers.tell('word', 1)
    await other.query("insert into nodes (node_id, role) values ('silent', 'all')")
    const asking = eventually(async () => {
      const { missing } = await alone.peers.ask('echo', 1, { deadlineMs: 60_000 })
      expect(missing).to.deep.equal(['silent'])
    })
    await eventually(() => expect(notes.at(-1)).to.not.equal('probe'))
    const sealed = notes.filter((note) => note !== 'probe')
    expect(sealed).to.have.length(1)
    await alone.close()
    await asking
    expect(await alone.peers.ask('echo', 1)).to.deep.equal({ answers: [], missing: [] })
  })
})
