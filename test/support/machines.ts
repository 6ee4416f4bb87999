/** The engine's state machines, and the ways through their states, for the tests and the document that look at all of them. */
export { machines } from '../../actors/index.ts'
export { listStates, pathOf } from '../../src/engine/inspection/definitions.ts'
