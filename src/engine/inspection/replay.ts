/** Plays a flight record again through the pure machine: the same states, without a broker, a database or a clock. */
import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { errorText } from '../../core/errors.ts'
import type { FlightDump } from '../../core/ports/inspection.ts'
import { keepSnapshot } from './recorder-keep.ts'
import { compareEnds } from './replay-compare.ts'
import { fromRecordJson } from './replay-json.ts'
import { createStage, type Stage, standIn } from './replay-stage.ts'
import { stateOf } from './state-of.ts'

export interface ReplayStep {
  /** ISO 8601. */
  readonly at: string
  readonly event: string
  readonly recorded: string
  readonly replayed: string
}

export interface ReplayReport {
  readonly steps: readonly ReplayStep[]
  /** One sentence for each way in which the replay is not what was recorded; none when it ends in the same state. */
  readonly differences: readonly string[]
  /** What the replay has taken on trust. */
  readonly notes: readonly string[]
}

/** Errors: none; a record that the machine cannot take differs. */
export function replay(dump: FlightDump): ReplayReport {
  const { base, entries, crash } = dump
  const notes = crash ? [`the actor crashed on ${typeOf(crash.event)}: ${crash.error}`] : []
  if (base.value === null) return { steps: [], differences: [], notes: [...notes, 'the actor never came to rest in a state'] }
  const steps: ReplayStep[] = []
  const differences: string[] = []
  try {
    const stage = createStage(dump.machine)
    let snapshot = stage.start({ ...base, context: decode(base.context) })
    for (const { at, event, state } of entries) {
      const step = { at, event: typeOf(event), recorded: state }
      const taken = take(stage, snapshot, { at, event, state })
      const replayed = typeof taken === 'string' ? taken : stateOf(taken, dump.machine)
      steps.push({ ...step, replayed })
      if (replayed !== state) differences.push(`entry ${steps.length} (${step.event}): recorded ${state}, replayed ${replayed}`)
      if (typeof taken === 'string') return { steps, differences, notes }
      snapshot = taken
    }
    differences.push(...compareEnds(dump, keepSnapshot(snapshot, dump.machine)))
    if (stage.hasAskedOutside) notes.push('whether the ledger is stalled is known outside of the machine: answered as the recording shows')
  } catch (error) {
    differences.push(`the machine cannot begin where the record begins: ${errorText(error)}`)
  }
  return { steps, differences, notes }
}

/** The snapshot after the event, or what the machine said when it could not take it. */
function take(
  stage: Stage,
  snapshot: AnyMachineSnapshot,
  { at, event, state }: FlightDump['entries'][number],
): AnyMachineSnapshot | string {
  try {
    return stage.step(snapshot, decode(event) as AnyEventObject, { atMs: Date.parse(at), state })
  } catch (error) {
    return `error: ${errorText(error)}`
  }
}

const decode = (value: unknown): unknown => fromRecordJson(value, (id) => standIn(id, id))

const typeOf = (event: unknown): string =>
  typeof event === 'object' && event !== null && 'type' in event ? String(event.type) : 'an event without a type'
