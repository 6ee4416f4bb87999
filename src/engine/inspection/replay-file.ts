/** Reads a flight record that somebody hands in, or another node has sent. */
import { machines } from '../../../actors/index.ts'
import { errorText } from '../../core/errors.ts'
import type { FlightDump } from '../../core/ports/inspection.ts'
import { isRecord, isTextOrNull, orNull, readDate, readTenant } from './json-fields.ts'

/** The record, or what is wrong with the text in one sentence, naming the field. Errors: none; total. */
export function readFlightRecord(text: string): FlightDump | { readonly fault: string } {
  const parsed = parse(text)
  return 'fault' in parsed ? parsed : readFlightDump(parsed.value)
}

/** The same of what was JSON. */
export function readFlightDump(value: unknown): FlightDump | { readonly fault: string } {
  const fault = findFault(value)
  return fault === undefined ? (value as FlightDump) : { fault }
}

function parse(text: string): { readonly value: unknown } | { readonly fault: string } {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    return { fault: `this is not JSON: ${errorText(error)}` }
  }
}

function findFault(value: unknown): string | undefined {
  if (!isRecord(value) || value.format !== 'tenantry.flight-record') return 'format: this is not a flight record of Tenantry'
  if (value.version !== 1) return `version: this program reads version 1, and this is version ${JSON.stringify(value.version)}`
  if (!machines.some(({ id }) => id === value.machine)) return `machine: there is no machine ${JSON.stringify(value.machine)}`
  for (const name of ['node', 'actorId']) if (typeof value[name] !== 'string') return `${name}: this is not a text`
  if (orNull(value.tenantId, readTenant) === undefined) return 'tenantId: this is neither null nor a tenant’s id'
  if (!isTextOrNull(value.reason)) return 'reason: this is neither null nor a text'
  if (!readDate(value.recordedAt)) return 'recordedAt: this is not a time'
  if (!isSnapshot(value.base)) return 'base: this is not a snapshot with value, context, status and children'
  if (!isSnapshot(value.last)) return 'last: this is not a snapshot with value, context, status and children'
  if (!Array.isArray(value.entries)) return 'entries: this is not a list'
  const wrong = value.entries.findIndex((entry: unknown) => !isEntry(entry))
  if (wrong >= 0) return `entries[${wrong}]: an entry has a time (at), an event with a type, and a state`
  const { crash = null } = value
  if (crash !== null && !(isRecord(crash) && typeof crash.error === 'string'))
    return 'crash: this is neither null nor an event with an error'
  return undefined
}

const isEntry = (entry: unknown): boolean =>
  isRecord(entry) &&
  readDate(entry.at) !== undefined &&
  typeof entry.state === 'string' &&
  isRecord(entry.event) &&
  typeof entry.event.type === 'string'

const isSnapshot = (value: unknown): boolean =>
  isRecord(value) &&
  'value' in value &&
  'context' in value &&
  typeof value.status === 'string' &&
  Array.isArray(value.children) &&
  value.children.every((child: unknown) => isRecord(child) && typeof child.id === 'string' && typeof child.src === 'string')
