/** The only door of the Broker adapter that keeps its queues in PostgreSQL, with pg-boss. */
export { createPostgresBroker } from './broker.ts'
export type { BrokerLog, PostgresBrokerOptions, QueueWake } from './options.ts'
