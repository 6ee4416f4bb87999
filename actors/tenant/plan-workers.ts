/** Decides which workers to start and which to let finish. */

/** `crashed` holds the place of a worker that is started again after its delay. */
export type WorkerPhase = 'running' | 'finishing' | 'crashed'

export interface WorkerPlan {
  readonly spawn: readonly number[]
  readonly finish: readonly number[]
  /** The workers after the plan is carried out. */
  readonly workers: Readonly<Record<number, WorkerPhase>>
  /** True when nothing is to do and no surplus worker is still finishing. */
  readonly settled: boolean
}

/**
 * Workers are numbered from 1; the lowest free numbers are started, the highest running ones finish. A worker that is
 * finishing does not count: its place is taken by another when the tenant grows again before it has finished.
 *
 * Errors: none; total.
 */
export function planWorkers(current: Readonly<Record<number, WorkerPhase>>, desired: number): WorkerPlan {
  const indexes = Object.keys(current).map(Number)
  const counted = indexes.filter((index) => current[index] !== 'finishing')
  const finishing = indexes.length - counted.length
  if (counted.length === desired) return { spawn: [], finish: [], workers: current, settled: finishing === 0 }

  const workers: Record<number, WorkerPhase> = { ...current }
  if (counted.length < desired) {
    const spawn: number[] = []
    for (let index = 1; spawn.length < desired - counted.length; index++) {
      if (workers[index] !== undefined) continue
      workers[index] = 'running'
      spawn.push(index)
    }
    return { spawn, finish: [], workers, settled: false }
  }
  const surplus = counted.sort((a, b) => b - a).slice(0, counted.length - desired)
  const finish = surplus.filter((index) => current[index] === 'running')
  for (const index of surplus) {
    if (current[index] === 'running') workers[index] = 'finishing'
    else delete workers[index]
  }
  return { spawn: [], finish, workers, settled: false }
}
