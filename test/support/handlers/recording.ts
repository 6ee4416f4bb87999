/** Handlers as a user would write them. Each run appends a line to the file that TENANTRY_TEST_EFFECTS names. */
import { appendFileSync } from 'node:fs'
import { defineHandler } from 'tenantry'
import { z } from 'zod'

const append = (line: string): void => {
  const file = process.env.TENANTRY_TEST_EFFECTS
  if (file) appendFileSync(file, `${line}\n`)
}

/** Waits `ms` unless it is aborted. */
export const waiting = defineHandler({
  type: 'waiting',
  schema: z.object({ ms: z.number().max(60_000) }),
  async handle({ id, data }, { signal, logger }) {
    append(`begun ${id}`)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, data.ms)
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        append(`aborted ${id}`)
        resolve()
      })
    })
    logger.debug('waited', { ms: data.ms })
    if (!signal.aborted) append(`done ${id}`)
  },
})

/** Publishes another message when it is nearly done. */
export const forwarding = defineHandler({
  type: 'forwarding',
  async handle({ id }, { publish }) {
    append(`begun ${id}`)
    await new Promise((resolve) => setTimeout(resolve, 700))
    await publish({ type: 'forwarded', data: { from: id } })
  },
})

/** An effect that must not happen again once its outcome is recorded. */
export const effect = defineHandler({
  type: 'effect',
  handle({ id }) {
    append(`effect ${id}`)
    return undefined
  },
})
