/** The only door of this folder. */
export { createEngine, type DrainReport, type Engine } from './engine.ts'
