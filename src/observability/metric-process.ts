/** CPU, memory, event loop and garbage collection of the process: collected once, whatever number of engines it runs. */
import { collectDefaultMetrics, Registry } from 'prom-client'

/** Gauges that end in _total, which belongs to counters; `nodejs_active_resources` and the like say the same by kind. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

let registry: Registry | undefined

/** From now on the delay of the event loop is measured, so that the first read has one. */
export function startProcessMetrics(): Registry {
  if (registry !== undefined) return registry
  registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of misnamed) registry.removeSingleMetric(name)
  return registry
}

/** In the Prometheus text format. */
export const readProcessMetrics = (): Promise<string> => startProcessMetrics().metrics()

/**
 * The Prometheus text format as OpenMetrics, without its end mark: a counter's family is named without `_total`, and there are no empty
 * lines. (A prom-client registry can do one format or the other: to write OpenMetrics renames its counters for good.)
 */
export function toOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+)_total counter$/gm)].map(([, name]) => name))
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line.replace(/^(# (?:HELP|TYPE) )(\S+)_total /, (all, start: string, name: string) =>
        counters.has(name) ? `${start}${name} ` : all,
      ),
    )
    .map((line) => `${line}\n`)
    .join('')
}
