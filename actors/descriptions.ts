/** What the machines' definitions cannot say: one sentence for each machine and each of its states. */

export interface Descriptions {
  readonly machine: string
  readonly states: Readonly<Record<string, string>>
}

/** Words for guards that have no name in the machine, by the arrow they guard: where it begins, and its target or else its event. */
export const inlineGuards: Readonly<Record<string, string>> = {
  'tenant deciding → quarantined': 'its supervisor has given it up',
  'tenant attached → done *': 'the worker crashed',
  'tenant attached → error *': 'it is a worker',
  'tenant attached.serving.sizing.resizing → attached.serving.sizing.steady': 'as many as wanted',
  'tenant deleting.purging → deleted': 'purged',
  'retryScheduler waiting → waiting': 'earlier than the one it waits for',
}

export const descriptions: Readonly<Record<string, Descriptions>> = {
  tenantManager: {
    machine:
      'The root of a node’s actors: passes desired state and news about the broker and the database on to the tenants, and ends the node in order.',
    states: {
      running: 'The node runs its tenants and follows the desired state.',
      draining: 'The node stops: every supervisor lets its tenants finish; nothing is started any more.',
      drained: 'No tenant runs here any more.',
    },
  },
  supervisor: {
    machine:
      'Parent of some of the node’s tenants: starts them, and answers the crash of one with a restart after a delay or, when its budget is spent, with quarantine.',
    states: {
      supervising: 'Tenants are started, told and restarted.',
      ending: 'Every tenant is told to finish; a crash is no longer answered with a restart.',
      ended: 'All tenants have ended.',
    },
  },
  tenant: {
    machine: 'Owns one tenant’s queue, consumer and workers, and converges to what its row in the database wants.',
    states: {
      deciding: 'Looks where to begin.',
      provisioning: 'Makes the partition and the queues exist.',
      attached: 'Has a session with the queue: workers run, and the consumer’s channel is open, or being opened or closed.',
      'attached.opening': 'Waits for the channel.',
      'attached.serving': 'Does what the desired state says, while it says active or paused.',
      'attached.serving.activity': 'Whether deliveries are taken.',
      'attached.serving.activity.deciding': 'Looks whether to run, to pause or to wait for the database.',
      'attached.serving.activity.running': 'Deliveries arrive and are worked on.',
      'attached.serving.activity.paused': 'Nothing is taken; messages wait in the queue.',
      'attached.serving.activity.stalled': 'The database is away: what has arrived is kept, workers wait.',
      'attached.serving.sizing': 'How many workers there are.',
      'attached.serving.sizing.steady': 'As many as wanted.',
      'attached.serving.sizing.resizing': 'Workers are being started, or finish what they have in hand.',
      'attached.emptying': 'Works the queue off, because the tenant is to stop or to be deleted; nothing can be published meanwhile.',
      'attached.draining': 'Nothing new arrives; what has arrived is finished and acknowledged.',
      'attached.detaching': 'Sends the last acknowledgements and closes the channel.',
      'attached.detached': 'The channel is closed.',
      failing: 'Something has failed: looks whether to try again.',
      backingOff: 'Waits before it tries again; a broker that comes back ends the wait.',
      quarantined: 'Has crashed too often, and is left alone until its probation ends or somebody asks for a restart.',
      pardoned: 'Begins again with a fresh restart budget.',
      stopped: 'Drained on request; holds nothing, and waits to be wanted again.',
      deleting: 'Removes queues, partition and row.',
      'deleting.purging': 'Tries to be the one node that does it.',
      'deleting.waiting': 'Another node holds the tenant, or it failed: tries again soon.',
      deleted: 'Everything is removed.',
      ended: 'Ended with the node, or because its row is gone; the tenant itself is as it was.',
    },
  },
  worker: {
    machine: 'Takes deliveries from its tenant’s mailbox and runs their handlers, one at a time.',
    states: {
      idle: 'Waits for the mailbox to have work.',
      busy: 'Its loop runs handlers.',
      'busy.working': 'Goes on until the mailbox is empty.',
      'busy.finishing': 'Finishes the delivery in hand and takes no other.',
      stopped: 'Finished as it was asked to, or crashed; its output says which.',
    },
  },
  ledger: {
    machine: 'Knows whether outcomes can be written to the database, and finds out when they can be again.',
    states: {
      up: 'Outcomes are written.',
      stalled: 'The database is away; outcomes are kept in memory, and their deliveries stay unacknowledged.',
      'stalled.waiting': 'Waits before the next probe.',
      'stalled.probing': 'Asks the database for a sign of life.',
      resuming: 'The database answers: first the writing goes on, then the tenants are told.',
    },
  },
  brokerLink: {
    machine: 'The node’s link to its broker: connects, notices losses, connects again.',
    states: {
      connecting: 'Opens the connection.',
      up: 'Connected.',
      'up.clear': 'The broker takes messages.',
      'up.blocked': 'The broker has raised an alarm and takes no messages; consuming goes on.',
      backingOff: 'Waits before it connects again.',
    },
  },
  reconciler: {
    machine:
      'Reads the desired state of everything on a timer, and of single tenants on the hints of other nodes, and passes on what it has read.',
    states: {
      waiting: 'Nothing is to be read before the timer or a hint.',
      reading: 'Asks the database; hints that come meanwhile wait for the next reading.',
      retrying: 'The reading failed: waits a moment, then reads everything.',
    },
  },
  retryScheduler: {
    machine:
      'Puts failed and scheduled messages back in their queues when they are due; what it holds is in the database under a lease, so that another node takes over when this one dies.',
    states: {
      parked: 'The broker is away: nothing can go back to its queue.',
      waiting: 'Sleeps until the next message is due, or until it is told of an earlier one; at most ten seconds.',
      claiming: 'Takes due messages for this node; what it is told of meanwhile is looked for next.',
      republishing: 'Publishes what it has taken, with confirm, and writes down what has become of it.',
      failing: 'The database or the broker did not answer: counts the failure.',
      backingOff: 'Waits before it looks again.',
    },
  },
  janitor: {
    machine: 'Now and then brings back retries that their queue has lost, and removes what is older than its tenant keeps it.',
    states: {
      resting: 'Waits for its next round; nodes that were started together do not clean together.',
      cleaning: 'Makes its round; one that fails is followed by the next.',
    },
  },
}
