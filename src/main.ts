/** `npm start`: runs one node until a signal; signals, exit codes and the first lines a person reads. */
import { startNode } from './app.ts'
import { loadConfig } from './config/index.ts'
import { AppError, errorText, toError } from './core/errors.ts'
import { redactText } from './core/redact.ts'
import { attributeStrayError, keepFromHandlers } from './handlers/index.ts'

/** Ctrl-C reaches us twice at once, from the terminal and from npm: that is one request. */
const sameRequestMs = 300
const stopWhileStartingMs = 10_000

async function main(): Promise<void> {
  const config = loadConfig({ env: process.env })
  const requested = createStopRequest()
  const starting = startNode(config, { onFatal: requested.fail })
  const node = await Promise.race([starting, requested.stopped.then(() => undefined)])
  if (!node) {
    // Asked to stop while still starting: what has been started is taken down again.
    const late = starting.then(
      (started) => started.close(0),
      () => undefined,
    )
    await Promise.race([late, new Promise((resolve) => setTimeout(resolve, stopWhileStartingMs))])
    process.exit(requested.failed() ? 1 : 0)
  }
  const { log } = node
  if (node.generatedAdmin) {
    const { username, password, file } = node.generatedAdmin
    process.stdout.write(
      `\n  The platform admin is "${username}" with the password ${password}\n  It is shown once, and kept in ${file}\n\n`,
    )
  }
  const shownHost = config.host === '0.0.0.0' || config.host === '::' ? 'localhost' : config.host
  log.info(`Tenantry is ready: http://${shownHost}:${node.port} (API at /v1, documentation at /docs)`, {
    role: config.role,
    broker: config.rabbitmq.url === undefined ? 'postgres' : 'rabbitmq',
    database: config.database.url === undefined ? 'embedded' : 'external',
  })

  const reason = await requested.stopped
  log.info('draining: no new messages; work in hand is finished', { reason, deadline_ms: config.drain.deadlineMs })
  const report = await node.close()
  for (const { tenantId, messageIds } of report.orphans) {
    log.warn('messages were in hand at the deadline; they will be delivered again', { tenant_id: tenantId, message_ids: messageIds })
  }
  if (report.complete) log.info('drained; good-bye')
  else log.warn('stopped at the deadline')
  process.exit(requested.failed() ? 1 : 0)
}

function createStopRequest() {
  let resolve: (reason: string) => void = () => {}
  const stopped = new Promise<string>((resolveStopped) => {
    resolve = resolveStopped
  })
  let heard: 'nothing' | 'a request' | 'all of it' = 'nothing'
  let failure = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (heard === 'nothing') {
      heard = 'a request'
      // A busy process hears late: what came meanwhile is heard between the timer and the immediate.
      const hearAll = (): void => void setImmediate(() => (heard = 'all of it'))
      setTimeout(hearAll, sameRequestMs)
      resolve(signal)
    } else if (heard === 'all of it') {
      process.stderr.write(`tenantry: ${signal} again: exiting at once; what was in hand is delivered again\n`)
      process.exit(1)
    }
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    stopped,
    failed: () => failure,
    fail: (error: Error) => {
      failure = true
      process.stderr.write(`tenantry: ${redactText(errorText(error))}\n`)
      resolve(errorText(error))
    },
  }
}

// A handler that ended the process would end the next one, too, when its message is delivered again.
process.exit = keepFromHandlers(process.exit.bind(process))
// One careless handler among many tenants' must not end the process, or do so again at each redelivery of its message.
process.on('uncaughtException', (error) => {
  if (!attributeStrayError(error)) exitWith(error)
})
main().catch(exitWith)

function exitWith(thrown: unknown): never {
  const error = toError(thrown)
  // What an operator can mend is one line; anything else is a defect and shows where it happened.
  process.stderr.write(`tenantry: ${redactText(error instanceof AppError ? errorText(error, 2_000) : (error.stack ?? error.message))}\n`)
  process.exit(1)
}
