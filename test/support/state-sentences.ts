/** What docs/state-machines.md says before it comes to the machines. */

export const introduction = `# State machines

Every lifecycle in the engine is a state machine; this document is written from their definitions in \`actors/\`
by \`node test/support/state-tables.ts --write\`, and a test fails when it is not up to date.

How to read it: a state inside another is written \`outer.inner\`. When a state is left, its inner states are left
with it, and what it runs is stopped. States side by side (divided by a line in the diagram) are in force at the same
time. "At once" is a transition that waits for nothing: of several the first whose guard holds is taken, whenever
something has changed. A row without a target does something and stays; "(everywhere)" holds in every state. "(again)"
enters the state anew, which starts its timers anew. Arrows from a state to itself, from a state into its own inside,
and those that hold everywhere are in the tables only.

The parent of each machine: the \`tenantManager\` is the root of a node; it runs one \`ledger\`, one \`brokerLink\`, one
\`reconciler\` and, where tenants run, one \`retryScheduler\`, one \`janitor\` and 64 \`supervisor\`s; each supervisor runs its
share of the \`tenant\`s; each tenant runs its \`worker\`s and, while it is attached, one consumer and one reader of its
dead letters. These two are plain code without states of their own; what the consumer can be told and what it reports is
at the top of \`actors/consumer/consumer.ts\`.`
