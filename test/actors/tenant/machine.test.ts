import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { deleting, tenantId } from '../support/samples.ts'
import { startAttached, startTenant } from '../support/tenant-rig.ts'

const running = 'attached.serving.activity.running+sizing.steady'
const outage = () => new AppError('database.unavailable', 'the database is away', { retryable: true })

describe('the tenant machine', () => {
  describe('provisioning', () => {
    it('comes first, and makes the attachment follow', async () => {
      const tenant = startTenant()
      expect(tenant.value).to.equal('provisioning')
      await tenant.provision.resolve()
      expect(tenant.value).to.equal('attached.opening')
      expect(tenant.shell).to.include('openSession')
      expect(tenant.worker(1) && tenant.worker(2)).to.not.equal(undefined)
    })

    it('backs off and tries again, as often as the outage wants, without spending the restart budget', async () => {
      const tenant = startTenant()
      for (let attempt = 1; attempt <= 6; attempt++) {
        await tenant.provision.reject(outage())
        expect(tenant.value).to.equal('backingOff')
        expect(tenant.status.reason).to.equal('the database is away')
        tenant.clock.increment(1_600)
        expect(tenant.value).to.equal('provisioning')
      }
      expect(tenant.actor.getSnapshot().context.crashes).to.deep.equal([])
    })

    it('ends in quarantine when it fails by surprise more often than the budget allows', async () => {
      const tenant = startTenant()
      for (let crash = 1; crash <= 2; crash++) {
        await tenant.provision.reject(new Error('broken'))
        expect(tenant.value).to.equal('backingOff')
        tenant.clock.increment(1_600)
      }
      await tenant.provision.reject(new Error('broken'))
      expect(tenant.value).to.equal('quarantined')
      expect(tenant.shell).to.include('logQuarantine')
    })

    it('is left at once when the node ends', () => {
      const tenant = startTenant()
      tenant.send({ type: 'tenant.end' })
      expect(tenant.value).to.equal('ended')
    })
  })

  describe('opening', () => {
    it('is given up after its limit, and tried again after the backoff', async () => {
      const tenant = startTenant()
      await tenant.provision.resolve()
      tenant.clock.increment(60_000)
      expect(tenant.value).to.equal('backingOff')
      expect(tenant.status.reason).to.contain('did not open in time')
      expect(tenant.worker(1)).to.equal(undefined)
    })

    it('detaches when the node ends meanwhile', async () => {
      const tenant = startTenant()
      await tenant.provision.resolve()
      tenant.send({ type: 'tenant.end' })
      expect(tenant.value).to.equal('attached.detaching')
      tenant.consumer({ type: 'consumer.lost', reason: 'never opened' })
      expect(tenant.value).to.equal('ended')
    })
  })

  describe('serving', () => {
    it('runs, starts its consumer, and says that it has settled', async () => {
      const tenant = await startAttached()
      expect(tenant.value).to.equal(running)
      expect(tenant.commands).to.deep.equal(['consumer.start'])
      expect(tenant.status).to.deep.equal({ state: 'running', reason: null, currentWorkers: 2, settled: true, version: 1 })
    })

    it('pauses and runs again as the desired state says', async () => {
      const tenant = await startAttached()
      tenant.desire({ status: 'paused' })
      expect(tenant.status).to.include({ state: 'paused', settled: true })
      tenant.desire({ status: 'active' })
      expect(tenant.status).to.include({ state: 'running', settled: true })
      expect(tenant.commands).to.deep.equal(['consumer.start', 'consumer.pause', 'consumer.start'])
    })

    it('ignores a desired state that is older than the one it follows', async () => {
      const tenant = await startAttached({ version: 5 })
      tenant.desire({ status: 'paused', version: 4 })
      expect(tenant.status).to.include({ state: 'running', version: 5 })
    })

    it('stalls with the ledger, keeps what has arrived, and goes on when it resumes', async () => {
      const tenant = await startAttached()
      tenant.send({ type: 'ledger.stalled' })
      expect(tenant.status).to.include({ state: 'stalled', reason: 'the database is away', settled: false })
      expect(tenant.shell).to.include('shutMailbox')
      expect(tenant.commands).to.deep.equal(['consumer.start'])
      tenant.send({ type: 'ledger.resumed' })
      expect(tenant.status).to.include({ state: 'running', reason: null, settled: true })
    })

    it('begins stalled when it attaches in the middle of a stall', async () => {
      const tenant = startTenant()
      tenant.ledgerStalled = true
      await tenant.provision.resolve()
      tenant.consumer({ type: 'consumer.opened' })
      expect(tenant.status.state).to.equal('stalled')
      expect(tenant.commands).to.deep.equal([])
    })

    it('is stalled, not running, when it is resumed while the ledger stalls', async () => {
      const tenant = await startAttached({ status: 'paused' })
      tenant.ledgerStalled = true
      tenant.send({ type: 'ledger.stalled' })
      expect(tenant.status.state).to.equal('paused')
      tenant.desire({ status: 'active' })
      expect(tenant.status.state).to.equal('stalled')
    })

    it('pauses out of a stall', async () => {
      const tenant = await startAttached()
      tenant.send({ type: 'ledger.stalled' })
      tenant.desire({ status: 'paused' })
      expect(tenant.status).to.include({ state: 'paused', reason: null })
    })

    it('grows and shrinks to the wanted number of workers', async () => {
      const tenant = await startAttached()
      tenant.desire({ workers: 5 })
      expect(tenant.status).to.include({ currentWorkers: 5, settled: true })
      tenant.desire({ workers: 1 })
      expect(tenant.status).to.include({ currentWorkers: 1, settled: true })
      expect(tenant.worker(1)).to.not.equal(undefined)
      expect(tenant.worker(2)).to.equal(undefined)
    })

    it('lets a busy surplus worker finish what it has in hand', async () => {
      const tenant = await startAttached()
      tenant.occupy(2)
      tenant.desire({ workers: 1 })
      expect(tenant.value).to.contain('sizing.resizing')
      expect(tenant.worker(2)).to.not.equal(undefined)
      tenant.loop(2, { type: 'loop.emptied' })
      expect(tenant.worker(2)).to.equal(undefined)
      expect(tenant.value).to.equal(running)
    })

    it('follows a change of its size while it still resizes', async () => {
      const tenant = await startAttached()
      tenant.occupy(2)
      tenant.desire({ workers: 1 })
      tenant.desire({ workers: 3 })
      expect(tenant.status.currentWorkers).to.equal(3)
      tenant.loop(2, { type: 'loop.emptied' })
      expect(tenant.status).to.include({ currentWorkers: 3, settled: true })
    })

    it('starts a crashed worker again after a delay, and only that one', async () => {
      const tenant = await startAttached()
      const other = tenant.worker(1)
      tenant.occupy(2)
      tenant.loop(2, { type: 'loop.crashed', reason: 'boom' })
      expect(tenant.status).to.include({ state: 'running', currentWorkers: 1, reason: 'boom', settled: false })
      tenant.clock.increment(100)
      expect(tenant.status).to.include({ currentWorkers: 2, settled: true })
      expect(tenant.worker(1)).to.equal(other)
    })

    it('forgets the reason of a crash once the worker runs again', async () => {
      const tenant = await startAttached()
      tenant.occupy(2)
      tenant.loop(2, { type: 'loop.crashed', reason: 'boom' })
      tenant.clock.increment(100)
      expect(tenant.status).to.include({ state: 'running', settled: true, reason: null })
    })

    it('leaves a healthy worker alone when the restart of an earlier one comes due', async () => {
      const tenant = await startAttached()
      tenant.occupy(2)
      tenant.loop(2, { type: 'loop.crashed', reason: 'boom' })
      tenant.consumer({ type: 'consumer.lost', reason: 'channel closed' })
      tenant.send({ type: 'broker.up' })
      await tenant.provision.resolve()
      tenant.consumer({ type: 'consumer.opened' })
      const fresh = tenant.worker(2)
      tenant.clock.increment(100)
      expect(tenant.worker(2)).to.equal(fresh)
    })

    it('leaves the worker alone that took the number of a crashed surplus one', async () => {
      const tenant = await startAttached()
      tenant.occupy(2)
      tenant.loop(2, { type: 'loop.crashed', reason: 'boom' })
      tenant.desire({ workers: 1 })
      tenant.desire({ workers: 2 })
      const fresh = tenant.worker(2)
      expect(fresh).to.not.equal(undefined)
      tenant.clock.increment(100)
      expect(tenant.worker(2)).to.equal(fresh)
    })

    it('is quarantined when its workers crash more often than the budget allows', async () => {
      const tenant = await startAttached({ workers: 1 })
      for (let crash = 1; crash <= 3; crash++) {
        tenant.occupy(1)
        tenant.loop(1, { type: 'loop.crashed', reason: 'boom' })
        tenant.clock.increment(crash < 3 ? 400 : 0)
      }
      expect(tenant.status).to.include({ state: 'quarantined', reason: 'boom', currentWorkers: 0 })
      expect(tenant.worker(1)).to.equal(undefined)
    })
  })

  describe('losing its channel', () => {
    it('re-attaches after the backoff delay, with fresh workers', async () => {
      const tenant = await startAttached()
      const before = tenant.worker(1)
      tenant.consumer({ type: 'consumer.lost', reason: 'channel closed' })
      expect(tenant.status).to.include({ state: 'backing_off', reason: 'channel closed', currentWorkers: 0 })
      tenant.clock.increment(100)
      expect(tenant.value).to.equal('provisioning')
      await tenant.provision.resolve()
      tenant.consumer({ type: 'consumer.opened' })
      expect(tenant.status).to.include({ state: 'running', reason: null, settled: true })
      expect(tenant.worker(1)).to.not.equal(before)
    })

    it('does not wait when the broker comes back', async () => {
      const tenant = await startAttached()
      tenant.consumer({ type: 'consumer.lost', reason: 'connection closed' })
      tenant.send({ type: 'broker.up' })
      expect(tenant.value).to.equal('provisioning')
    })

    it('provisions again when its partition is missing', async () => {
      const tenant = await startAttached()
      tenant.consumer({ type: 'partition.missing' })
      expect(tenant.status).to.include({ state: 'backing_off', reason: 'the partition is missing' })
      tenant.clock.increment(100)
      expect(tenant.provision.open).to.have.length(1)
    })

    it('keeps its reason when the channel goes during a stall', async () => {
      const tenant = await startAttached()
      tenant.send({ type: 'ledger.stalled' })
      tenant.consumer({ type: 'consumer.lost', reason: 'channel closed' })
      expect(tenant.status.reason).to.equal('channel closed')
    })
  })

  describe('a restart request', () => {
    it('works off what has arrived, closes, and attaches again', async () => {
      const tenant = await startAttached()
      tenant.desire({ restartGeneration: 1 })
      expect(tenant.status).to.include({ state: 'draining', settled: false })
      tenant.consumer({ type: 'session.settled' })
      tenant.consumer({ type: 'consumer.closed' })
      expect(tenant.value).to.equal('provisioning')
      await tenant.provision.resolve()
      tenant.consumer({ type: 'consumer.opened' })
      expect(tenant.status).to.include({ state: 'running', settled: true })
    })

    it('has nothing to do for a tenant that was drained', async () => {
      const tenant = await startAttached({ status: 'drained' })
      tenant.emptied()
      tenant.consumer({ type: 'session.settled' })
      tenant.consumer({ type: 'consumer.closed' })
      tenant.desire({ restartGeneration: 1 })
      expect(tenant.status).to.include({ state: 'stopped', settled: true })
    })

    it('ends the backoff', async () => {
      const tenant = await startAttached()
      tenant.consumer({ type: 'consumer.lost', reason: 'channel closed' })
      tenant.desire({ restartGeneration: 1 })
      expect(tenant.value).to.equal('provisioning')
    })
  })

  describe('draining on request', () => {
    it('empties the queue, works off what has arrived, closes and stops', async () => {
      const tenant = await startAttached()
      tenant.desire({ status: 'drained' })
      expect(tenant.value).to.equal('attached.emptying')
      tenant.emptied()
      expect(tenant.value).to.equal('attached.draining')
      expect(tenant.commands.at(-1)).to.equal('consumer.drain')
      tenant.consumer({ type: 'session.settled' })
      expect(tenant.value).to.equal('attached.detaching')
      expect(tenant.commands.at(-1)).to.equal('consumer.close')
      tenant.consumer({ type: 'consumer.closed' })
      expect(tenant.status).to.include({ state: 'stopped', settled: true, currentWorkers: 0 })
      tenant.desire({ status: 'active' })
      expect(tenant.value).to.equal('provisioning')
    })

    it('goes back to serving when it is resumed before the queue is empty', async () => {
      const tenant = await startAttached()
      tenant.desire({ status: 'drained' })
      tenant.desire({ status: 'active' })
      expect(tenant.value).to.equal(running)
    })

    it('waits for the ledger in a stall, and opens the mailbox afterwards', async () => {
      const tenant = await startAttached()
      tenant.desire({ status: 'drained' })
      for (const step of ['emptying', 'draining']) {
        expect(tenant.value).to.equal(`attached.${step}`)
        tenant.shell.length = 0
        tenant.send({ type: 'ledger.stalled' })
        expect(tenant.shell).to.deep.equal(['shutMailbox'])
        tenant.send({ type: 'ledger.resumed' })
        expect(tenant.commands.at(-1)).to.equal('mailbox.open')
        if (step === 'emptying') tenant.emptied()
      }
    })

    it('closes without an answer after the limit', async () => {
      const tenant = await startAttached()
      tenant.desire({ status: 'drained' })
      tenant.emptied()
      tenant.consumer({ type: 'session.settled' })
      tenant.clock.increment(15_000)
      expect(tenant.status.state).to.equal('stopped')
    })

    it('empties the queue also when the request comes during a restart', async () => {
      const tenant = await startAttached()
      tenant.desire({ restartGeneration: 1 })
      tenant.desire({ status: 'drained' })
      tenant.consumer({ type: 'session.settled' })
      tenant.consumer({ type: 'consumer.closed' })
      expect(tenant.value).to.equal('provisioning')
    })
  })

  describe('deletion', () => {
    it('drains the queue, detaches, purges, and says so', async () => {
      const tenant = await startAttached()
      tenant.desire(deleting('drain', 60_000))
      expect(tenant.value).to.equal('attached.emptying')
      tenant.emptied()
      tenant.consumer({ type: 'session.settled' })
      tenant.consumer({ type: 'consumer.closed' })
      expect(tenant.value).to.equal('deleting.purging')
      await tenant.purge.resolve('purged')
      expect(tenant.status).to.include({ state: 'deleted', settled: true })
      expect(tenant.actor.getSnapshot()).to.deep.include({ status: 'done', output: { tenantId } })
    })

    it('stops emptying at its deadline', async () => {
      const tenant = await startAttached()
      tenant.desire(deleting('drain', 5_000))
      tenant.clock.increment(4_000)
      expect(tenant.value).to.equal('attached.emptying')
      tenant.clock.increment(1_000)
      expect(tenant.value).to.equal('attached.draining')
    })

    it('keeps its deadline when the tenant was already draining its queue', async () => {
      const tenant = await startAttached()
      tenant.desire({ status: 'drained' })
      tenant.desire(deleting('drain', 5_000))
      tenant.clock.increment(5_000)
      expect(tenant.value).to.equal('attached.draining')
    })

    it('gives up on handlers that do not finish', async () => {
      const tenant = await startAttached()
      tenant.desire(deleting('discard'))
      expect(tenant.value).to.equal('attached.draining')
      tenant.clock.increment(10_000)
      expect(tenant.value).to.equal('attached.detaching')
      expect(tenant.shell).to.include('abortHandlers')
    })

    it('gives up on handlers also when it comes after the drain has taken long', async () => {
      const tenant = await startAttached()
      tenant.desire({ restartGeneration: 1 })
      tenant.clock.increment(20_000)
      tenant.desire(deleting('discard'))
      tenant.clock.increment(10_000)
      expect(tenant.value).to.equal('attached.detaching')
    })

    it('empties the queue also when it comes during a restart', async () => {
      const tenant = await startAttached()
      tenant.desire({ restartGeneration: 1 })
      tenant.desire(deleting('drain', 60_000))
      tenant.consumer({ type: 'session.settled' })
      tenant.consumer({ type: 'consumer.closed' })
      expect(tenant.purge.made, 'purged with messages in the queue').to.deep.equal([])
    })

    it('purges again as long as another node holds the tenant, and after a failure', async () => {
      const tenant = await startAttached({ status: 'drained' })
      tenant.emptied()
      tenant.consumer({ type: 'session.settled' })
      tenant.consumer({ type: 'consumer.closed' })
      tenant.desire(deleting('drain'))
      await tenant.purge.resolve('busy')
      expect(tenant.value).to.equal('deleting.waiting')
      tenant.clock.increment(200)
      await tenant.purge.reject(outage())
      expect(tenant.value).to.equal('deleting.waiting')
      expect(tenant.status.reason).to.contain('the database is away')
      tenant.clock.increment(200)
      await tenant.purge.resolve('purged')
      expect(tenant.value).to.equal('deleted')
    })

    it('does not wait for the end of a quarantine past its deadline', async () => {
      const tenant = startTenant({}, { quarantine: 'crashed too often' })
      expect(tenant.value).to.equal('quarantined')
      tenant.desire(deleting('drain', 5_000))
      tenant.clock.increment(5_000)
      expect(tenant.value).to.equal('deleting.purging')
    })

    it('with discard ends backing off and quarantine at once', async () => {
      const lost = await startAttached()
      lost.consumer({ type: 'consumer.lost', reason: 'channel closed' })
      lost.desire(deleting('discard'))
      expect(lost.value).to.equal('deleting.purging')
      const quarantined = startTenant({}, { quarantine: 'crashed too often' })
      quarantined.desire(deleting('discard'))
      expect(quarantined.value).to.equal('deleting.purging')
    })

    it('is left to another node when this one ends', async () => {
      const tenant = startTenant(deleting('discard'))
      expect(tenant.value).to.equal('deleting.purging')
      tenant.send({ type: 'tenant.end' })
      expect(tenant.value).to.equal('ended')
    })
  })

  describe('quarantine', () => {
    it('is where a tenant begins that its supervisor has given up', () => {
      const tenant = startTenant({}, { quarantine: 'crashed too often' })
      expect(tenant.status).to.include({ state: 'quarantined', reason: 'crashed too often' })
    })

    it('ends after the probation with a fresh budget', () => {
      const tenant = startTenant({}, { quarantine: 'crashed too often' })
      tenant.clock.increment(299_999)
      expect(tenant.value).to.equal('quarantined')
      tenant.clock.increment(1)
      expect(tenant.value).to.equal('provisioning')
      expect(tenant.actor.getSnapshot().context).to.deep.include({ crashes: [], attempt: 0, reason: null, verdict: 'retry' })
    })

    it('does not begin anew with each change of the tenant', () => {
      const tenant = startTenant({}, { quarantine: 'crashed too often' })
      tenant.clock.increment(299_999)
      tenant.desire({ config: { color: 'red' } })
      tenant.clock.increment(1)
      expect(tenant.value).to.equal('provisioning')
    })

    it('ends with a restart request', () => {
      const tenant = startTenant({}, { quarantine: 'crashed too often' })
      tenant.desire({ restartGeneration: 1 })
      expect(tenant.value).to.equal('provisioning')
    })
  })

  describe('the node ends', () => {
    it('works off what has arrived before the tenant ends', async () => {
      const tenant = await startAttached()
      tenant.send({ type: 'tenant.end' })
      expect(tenant.value).to.equal('attached.draining')
      tenant.consumer({ type: 'session.settled' })
      tenant.consumer({ type: 'consumer.closed' })
      expect(tenant.value).to.equal('ended')
    })

    it('aborts handlers at the deadline, and closes', async () => {
      const tenant = await startAttached()
      tenant.send({ type: 'tenant.end' })
      tenant.send({ type: 'tenant.abort' })
      expect(tenant.value).to.equal('attached.detaching')
      expect(tenant.shell).to.include('abortHandlers')
      tenant.send({ type: 'tenant.abort' })
      expect(tenant.value).to.equal('attached.detaching')
      tenant.consumer({ type: 'consumer.closed' })
      expect(tenant.value).to.equal('ended')
    })

    it('leaves a queue that is being emptied', async () => {
      const tenant = await startAttached()
      tenant.desire({ status: 'drained' })
      tenant.send({ type: 'tenant.end' })
      expect(tenant.value).to.equal('attached.draining')
    })

    it('ends stopped, waiting and quarantined tenants at once', async () => {
      const waiting = await startAttached()
      waiting.consumer({ type: 'consumer.lost', reason: 'channel closed' })
      waiting.send({ type: 'tenant.end' })
      expect(waiting.value).to.equal('ended')
      const quarantined = startTenant({}, { quarantine: 'crashed too often' })
      quarantined.send({ type: 'tenant.end' })
      expect(quarantined.value).to.equal('ended')
    })
  })

  it('ends without finishing when its row is gone', async () => {
    for (const status of ['active', 'drained'] as const) {
      const tenant = await startAttached({ status })
      tenant.send({ type: 'tenant.vanish' })
      expect(tenant.value).to.equal('attached.detaching')
      tenant.consumer({ type: 'consumer.closed' })
      expect(tenant.value).to.equal('ended')
    }
  })
})
