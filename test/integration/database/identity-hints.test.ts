import { randomUUIDv7 } from 'node:crypto'
import { expect } from 'chai'
import type { IdentityChange } from '../../../src/core/ports/identity-store.ts'
import { createIdentityHints } from '../../../src/database/identity-hints.ts'
import { createListener, type Listener } from '../../../src/database/listener.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'

const newChange = (of: IdentityChange['of']): IdentityChange => ({ of, id: randomUUIDv7() })

describe('identity hints', () => {
  let database: TestDatabase
  let listeners: Listener[]

  beforeEach(async () => {
    database = await createTestDatabase({ migrated: false })
    listeners = []
  })
  afterEach(async () => {
    await Promise.all(listeners.map((listener) => listener.close()))
    await database[Symbol.asyncDispose]()
  })

  function openNode(nodeId: string) {
    const listener = createListener({ url: database.url, schema: 'public', onError: () => undefined })
    listeners.push(listener)
    const hints = createIdentityHints(listener, nodeId)
    const heard: IdentityChange[] = []
    const stop = hints.subscribe((change) => heard.push(change))
    return { listener, hints, heard, stop }
  }

  it('reach every node, and the own one once and at once', async () => {
    const one = openNode('host:1')
    const two = openNode('host:2')
    await eventually(() => {
      const probe = newChange('tenant')
      one.hints.announce(probe)
      expect(two.heard).to.have.length.greaterThan(0)
    })
    one.heard.length = 0
    const changes = (['session', 'api_key', 'user', 'tenant'] as const).map(newChange)
    for (const change of changes) one.hints.announce(change)
    expect(one.heard).to.deep.equal(changes)
    await eventually(() => expect(two.heard.slice(-4)).to.deep.equal(changes))
    // What comes back from the database by now is known to be the node's own.
    const answer = newChange('session')
    two.hints.announce(answer)
    await eventually(() => expect(one.heard).to.deep.equal([...changes, answer]))
  })

  it('skip what is not a hint, and end with the subscription', async () => {
    const one = openNode('one')
    const two = openNode('two')
    await eventually(() => {
      one.hints.announce(newChange('tenant'))
      expect(two.heard).to.have.length.greaterThan(0)
    })
    const last = newChange('user')
    for (const note of ['', 'one', 'one:session', 'one:secret:1', ':::']) one.listener.notify('identity', note)
    one.hints.announce(last)
    await eventually(() => expect(two.heard.at(-1)).to.deep.equal(last))
    expect(two.heard.every(({ of }) => of === 'tenant' || of === 'user')).to.equal(true)

    two.stop()
    const unheard = newChange('session')
    one.hints.announce(unheard)
    two.hints.announce(unheard)
    await eventually(() => expect(one.heard.filter(({ id }) => id === unheard.id)).to.have.length(2))
    expect(two.heard.at(-1)).to.deep.equal(last)
  })
})
