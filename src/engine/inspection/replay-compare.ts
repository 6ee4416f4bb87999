/** Whether a replay has ended where the record ends. */
import type { ActorKind, FlightDump } from '../../core/ports/inspection.ts'
import { isRecord, toFields } from './json-fields.ts'
import { type KeptSnapshot, withoutSettings } from './recorder-keep.ts'
import { toRecordJson } from './replay-json.ts'

type Reduce = (value: unknown) => unknown

const whether: Reduce = (value) => typeof value === 'number' && value !== 0
/** Of times their number: how many crashes count decides, and not the millisecond. */
const howMany: Reduce = (value) => {
  if (Array.isArray(value)) return value.length
  return isRecord(value) ? Object.entries(value).map(([name, times]) => [name, howMany(times)]) : value
}
const nothing: Reduce = () => null

/** What comes from the clock or from the dice, and how much of it is compared. The recorder's clock is read a moment after the machine's. */
const derived: Readonly<Partial<Record<ActorKind, Readonly<Record<string, Reduce>>>>> = {
  // The times of the attachment and of crashes; the delay of a retry is drawn.
  tenant: { attachedAtMs: whether, crashes: howMany, retryDelayMs: nothing },
  // The times of each tenant's crashes.
  supervisor: { crashes: howMany },
  // Counted from when the machine took an answer.
  retryScheduler: { wakeAtMs: nothing },
}

/** One sentence for each difference. The value and the status must be the same, and the context but for what is derived. */
export function compareEnds({ machine, last, crash }: FlightDump, end: KeptSnapshot): readonly string[] {
  const differences: string[] = []
  const compare = (what: string, recorded: unknown, replayed: unknown): void => {
    const [a, b] = [toText(recorded), toText(replayed)]
    if (a !== b) differences.push(`${what} at the end: recorded ${cut(a)}, replayed ${cut(b)}`)
  }
  compare('state', last.value, end.value)
  compare('status', last.status, end.status)
  const recorded = toFields(last.context)
  const replayed = toFields(toRecordJson(withoutSettings(end.context, machine)))
  for (const name of new Set([...Object.keys(recorded), ...Object.keys(replayed)])) {
    const reduce = derived[machine]?.[name] ?? ((value: unknown) => value)
    compare(`context.${name}`, reduce(recorded[name]), reduce(replayed[name]))
  }
  // A crash may have taken the children with it.
  if (!crash) compare('children', sortIds(last.children), sortIds(end.children))
  return differences
}

const sortIds = (children: readonly { readonly id: string; readonly src: string }[]): readonly string[] =>
  children.map(({ id, src }) => `${id} (${src})`).sort()

const cut = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)} …` : text)

/** The same text for the same JSON, in whatever order its names come. */
const toText = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  ) ?? 'nothing'
