/** Handlers for the fault suite. Each run with an effect appends a JSON line to the file that TENANTRY_TEST_EFFECTS names. */
import { appendFileSync, existsSync } from 'node:fs'
import { defineHandler, type HandlerContext, type HandlerMessage, reject, retry } from 'tenantry'
import { countFailures, flakyAttempts, hopelessAttempts } from '../../faults/load/expectations.ts'

function append({ id, tenantId, type }: HandlerMessage, { attempt }: HandlerContext): void {
  const file = process.env.TENANTRY_TEST_EFFECTS
  if (file) appendFileSync(file, `${JSON.stringify({ tenant: tenantId, id, type, attempt, atMs: Date.now() })}\n`)
}

/** An effect that must not happen again once its outcome is recorded. */
export const effect = defineHandler({
  type: 'effect',
  handle: (message, context) => append(message, context),
})

/** An effect long before its outcome: a crash falls in between. */
export const lasting = defineHandler({
  type: 'lasting',
  async handle(message, context) {
    append(message, context)
    await new Promise((resolve) => setTimeout(resolve, 20))
  },
})

/** An effect that waits as long as the file exists that TENANTRY_TEST_GATE names. */
export const held = defineHandler({
  type: 'held',
  timeoutMs: 600_000,
  async handle(message, context) {
    const gate = process.env.TENANTRY_TEST_GATE ?? ''
    while (existsSync(gate) && !context.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 20))
    if (!context.signal.aborted) append(message, context)
  },
})

/** Refused at once, for good. */
export const poison = defineHandler({
  type: 'poison',
  handle: () => reject('poison'),
})

/** Fails as often as its id says, and succeeds then. */
export const flaky = defineHandler({
  type: 'flaky',
  retry: { attempts: flakyAttempts, baseMs: 20, capMs: 100 },
  handle(message, context) {
    append(message, context)
    return context.attempt > countFailures(message.id) ? undefined : retry('not yet')
  },
})

/** Fails every time. */
export const hopeless = defineHandler({
  type: 'hopeless',
  retry: { attempts: hopelessAttempts, baseMs: 20, capMs: 100 },
  handle(message, context) {
    append(message, context)
    return retry('never')
  },
})
