/** The inspection port: what one may ask of the actors, of this node's and of every other node's. */
import type { MessageId, TenantId } from '../ids.ts'

/** As the tree of docs/architecture.md names them; `task` is what a state runs while it lasts (connect, provision, probe …). */
export const actorKinds = [
  'tenantManager',
  'brokerLink',
  'ledger',
  'reconciler',
  'retryScheduler',
  'janitor',
  'supervisor',
  'tenant',
  'consumer',
  'deadLetters',
  'worker',
  'task',
] as const

export type ActorKind = (typeof actorKinds)[number]

/**
 * One actor on one node.
 *
 * Shape: `id` is unique on its node: `tenantManager`, `supervisor:12`, `tenant:<uuid>`, and below these with a dot:
 * `tenant:<uuid>.worker:3`, `tenant:<uuid>.consumer`, `brokerLink.connect`. `state` is a tenant's state as its API names it, for
 * every other machine the active states from the outside in (`up.clear`), for an actor without states `active`, `done` or `error`.
 */
export interface ActorEntry {
  readonly id: string
  readonly kind: ActorKind
  readonly state: string
  /** null for the root. */
  readonly parent: string | null
  /** When it entered the state. */
  readonly since: Date
  readonly node: string
  readonly tenantId: TenantId | null
}

/** A place in the tree: parents before their children, and of one place on several nodes by the node's id. */
export interface ActorPosition {
  readonly path: string
  readonly node: string
}

export interface ActorQuery {
  /** That tenant's actor and what is below it. */
  readonly tenantId?: TenantId | undefined
  readonly kind?: ActorKind | undefined
  readonly state?: string | undefined
  /** The children of this actor. */
  readonly parent?: string | undefined
  readonly node?: string | undefined
  readonly after?: ActorPosition | undefined
  readonly limit: number
}

export interface ActorPage {
  readonly actors: readonly ActorEntry[]
  readonly next: ActorPosition | undefined
  /** Nodes that live and did not answer in time: the page lacks theirs. */
  readonly missingNodes: readonly string[]
}

/** One event that an actor has taken, and what it has led to. `from` is null for the first. */
export interface TransitionView {
  readonly at: Date
  /** The event's type: `tenant.desire`, `xstate.after.backoff`. */
  readonly event: string
  readonly from: string | null
  readonly to: string
}

export interface ActorDetail extends ActorEntry {
  /** The machine's state value as XState has it; null for an actor without states. */
  readonly value: unknown
  /** Plain JSON, without secrets, large collections cut short; null for an actor without states. */
  readonly context: unknown
  /** The types of the events that its present states listen to. */
  readonly allowedEvents: readonly string[]
  /** The last ones, oldest first. */
  readonly transitions: readonly TransitionView[]
  readonly children: readonly ActorEntry[]
  readonly definition: MachineDefinition | null
}

export interface ActorFinding {
  /** This node's, or that of the first other node that has one; undefined when no node that answered has. */
  readonly actor: ActorDetail | undefined
  /** The same actor on the other nodes. */
  readonly elsewhere: readonly ActorDetail[]
  readonly missingNodes: readonly string[]
}

/** One arrow of a machine. */
export interface TransitionDefinition {
  /** The event's type; `always`, `after <delay>`, `done <actor>`, `error <actor>` for those that are no event of a sender's. */
  readonly on: string
  readonly guard?: string
  /** The target's path; absent when the state stays. */
  readonly target?: string
  /** The state is left and entered anew. */
  readonly reenter?: true
  readonly actions?: readonly string[]
}

export interface StateDefinition {
  /** From the outside in, with dots; '' for the machine itself. */
  readonly path: string
  readonly key: string
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final'
  /** One sentence. */
  readonly description: string
  readonly initial?: string
  readonly entry?: readonly string[]
  readonly exit?: readonly string[]
  /** What runs while the state lasts. */
  readonly invoke?: readonly string[]
  readonly transitions: readonly TransitionDefinition[]
  readonly states: readonly StateDefinition[]
}

/** A machine for whoever draws it. */
export interface MachineDefinition extends StateDefinition {
  /** The kind of its actors. */
  readonly name: ActorKind
}

/** The call that would unblock. `path` is under the API's prefix. */
export interface Remedy {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** What it does, in one sentence. */
  readonly description: string
}

/**
 * Why something is as it is.
 *
 * Shape: `blockedBy` is null when nothing blocks, otherwise a fixed code such as `tenant.paused`, `broker.unavailable`,
 * `database.unavailable`, `circuit.open`, `retry.waiting`, `workers.busy`. `until` is null when nobody knows.
 */
export interface Explanation {
  /** For an operator, in present tense, with the facts in it. */
  readonly sentence: string
  readonly blockedBy: string | null
  readonly until: Date | null
  readonly remedy: Remedy | null
  /** The text of the error behind it, redacted. It may quote a message: only for those who may read its data. The sentence never has it. */
  readonly detail: string | null
}

/** `also`: what else is worth knowing, the most important first. */
export interface TenantExplanation extends Explanation {
  readonly also: readonly Explanation[]
  readonly missingNodes: readonly string[]
}

export const messageStandings = ['scheduled', 'queued', 'processing', 'retrying', 'failed', 'processed', 'unknown'] as const
export type MessageStanding = (typeof messageStandings)[number]

export interface MessageExplanation extends Explanation {
  readonly standing: MessageStanding
  /** Messages before it in the queue, where that can be known; `atMost` when only a bound is known. */
  readonly position: { readonly ahead: number; readonly atMost: boolean } | null
  /** When it will be run, as far as the present rate tells. */
  readonly expectedAt: Date | null
  readonly missingNodes: readonly string[]
}

/** What happened to an actor, for whoever watches. */
export interface ActorChange {
  readonly kind: 'spawned' | 'transition' | 'stopped' | 'crashed'
  readonly at: Date
  readonly node: string
  readonly actorId: string
  readonly actorKind: ActorKind
  readonly tenantId: TenantId | null
  /** The event's type. */
  readonly event: string
  readonly from: string | null
  readonly to: string
}

export interface WatchFilter {
  readonly tenantId?: TenantId | undefined
  /** That actor and what is below it. */
  readonly actorId?: string | undefined
  readonly actorKind?: ActorKind | undefined
}

/** Transitions of a second that were too many to be told one by one: how often each has happened. */
export interface WatchSummary {
  readonly from: Date
  readonly to: Date
  readonly total: number
  readonly counts: readonly { readonly actorKind: ActorKind; readonly from: string | null; readonly to: string; readonly count: number }[]
}

/** `id` resumes after it. `gap`: what happened between the wanted id and now is not remembered any more. */
export type WatchItem =
  | { readonly type: 'change'; readonly id: string; readonly change: ActorChange }
  | { readonly type: 'summary'; readonly id: string; readonly summary: WatchSummary }
  | { readonly type: 'gap'; readonly id: string }

export interface WatchOptions {
  /** The id of the last item that the watcher has. */
  readonly after?: string | undefined
  /** More than so many changes in a second are summed up. */
  readonly maxPerSecond: number
  /** Ends the watch. */
  readonly signal: AbortSignal
}

/** What an actor has been through, from a state on: `npm run replay` plays it again. JSON, without secrets. */
export interface FlightDump {
  readonly format: 'tenantry.flight-record'
  readonly version: 1
  readonly node: string
  readonly actorId: string
  readonly machine: ActorKind
  readonly tenantId: TenantId | null
  /** Why it was written; null when somebody asked for it. */
  readonly reason: string | null
  /** ISO 8601. */
  readonly recordedAt: string
  /** The snapshot before the first entry. */
  readonly base: FlightSnapshot
  readonly entries: readonly { readonly at: string; readonly event: unknown; readonly state: string }[]
  /** The snapshot after the last entry. */
  readonly last: FlightSnapshot
  /** The event on which it crashed, and with what. */
  readonly crash: { readonly event: unknown; readonly error: string } | null
}

export interface FlightSnapshot {
  readonly value: unknown
  readonly context: unknown
  readonly status: string
  /** Ids of its children, with the names of their logic. */
  readonly children: readonly { readonly id: string; readonly src: string }[]
}

/** What this node, or else the first other node that has such an actor, says of it. */
export interface ActorAnswer<T> {
  /** undefined when no node that answered has such an actor: one of the missing nodes may have it. */
  readonly found: T | undefined
  readonly missingNodes: readonly string[]
}

/** Errors: AppError `database.unavailable` where a row is read. A node that does not answer is named, never an error. */
export interface Inspection {
  listActors(query: ActorQuery): Promise<ActorPage>
  findActor(id: string, node?: string): Promise<ActorFinding>
  explainActor(id: string, node?: string): Promise<ActorAnswer<Explanation & { readonly node: string }>>
  /** undefined when there is no such tenant. */
  explainTenant(tenantId: TenantId): Promise<TenantExplanation | undefined>
  /** undefined when there is no such tenant. */
  explainMessage(tenantId: TenantId, messageId: MessageId): Promise<MessageExplanation | undefined>
  /** What the actor has been through until now. */
  recordActor(id: string, node?: string): Promise<ActorAnswer<FlightDump>>
  /** Of every node, as they come, from the moment of the call. */
  watch(filter: WatchFilter, options: WatchOptions): AsyncIterable<WatchItem>
  machines(): readonly MachineDefinition[]
}
